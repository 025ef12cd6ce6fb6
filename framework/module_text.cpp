#include <upconv/framework/module.h>

// Module::to_string: PyTorch's Module.__repr__, line for line.

namespace upconv {

namespace {

/// "24,336"
std::string with_separators(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t end = digits.size(); end > 3; end -= 3)
    digits.insert(end - 3, 1, ',');
  return digits;
}

std::string parameters(std::int64_t count) {
  return with_separators(count) + (count == 1 ? " parameter" : " parameters");
}

/// Every line but the first moved in by two.
std::string indented(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "  ";
  }
  return result;
}

}  // namespace

std::int64_t Module::own_parameter_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.buffer && !parameter.counter) count += parameter.value.numel();
  }
  return count;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = own_parameter_count();
  for (const auto& [name, child] : children_)
    count += child->parameter_count();
  return count;
}

std::string Module::representation(bool per_layer) const {
  const std::string options = extra_repr();
  const std::int64_t own = own_parameter_count();
  const std::string remark = per_layer && own > 0 ? "  # " + parameters(own) : "";
  if (children_.empty() && options.find('\n') == std::string::npos)
    return type_name_ + '(' + options + ')' + remark;

  std::string text = type_name_ + '(' + remark;
  if (!options.empty()) text += "\n  " + indented(options);
  for (const auto& [name, child] : children_)
    text += "\n  (" + name + "): " + indented(child->representation(per_layer));
  return text + "\n)";
}

std::string Module::to_string(ToStringOptions options) const {
  std::string text = representation(options.per_layer);
  if (options.total) text += '\n' + parameters(parameter_count());
  return text;
}

}  // namespace upconv
