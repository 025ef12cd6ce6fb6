#include <algorithm>
#include <cmath>

#include <upconv/framework/conversion.h>
#include <upconv/framework/error.h>
#include <upconv/framework/load_compare.h>
#include <upconv/framework/message.h>
#include <upconv/framework/module.h>

// The part of Module that gives parameters their values: load, initialize, to, and their counterparts.

namespace upconv {

namespace {

bool is_finite(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    return std::ranges::all_of(tensor.data<T>(),
                               [](T value) { return std::isfinite(static_cast<double>(value)); });
  });
}

/// Adds to the report what is wrong with, or was lost from, the values of `stored` as a parameter holds them.
void check_values(const std::string& name, const Tensor& stored, const Tensor& value,
                  const LoadOptions& options, LoadReport& report) {
  const ConversionLoss loss = conversion_loss(stored, value);
  if (loss.overflowed > 0 && !options.allow_overflow) {
    report.mismatched.push_back(message(name, ": ", overflow_text(loss, value.spec()), ": ",
                                        value.dtype() == DType::f16
                                            ? "keep the module in bf16 or f32"
                                            : "scale the weights before they are stored",
                                        ", or load infinities with {.allow_overflow = true}"));
  } else if (options.require_finite && !is_finite(value)) {
    report.mismatched.push_back(message(name, " holds NaN or infinity"));
  }
  if (loss.vanished > 0) {
    report.notes.push_back(message(name, ": ", loss.vanished, " of ", value.numel(),
                                   loss.vanished == 1 ? " values is" : " values are", " too small for ",
                                   value.dtype(), " and became zero"));
  }
}

/// The number in `stored`, of whatever type and however many dimensions. No harm is done by one that a
/// counter cannot hold (an infinity is what 65520 becomes in f16): `present` stays.
Tensor counter_value(const std::string& name, const Tensor& stored, const Tensor& present,
                     LoadReport& report) {
  try {
    return stored.to(DType::i64).reshape(present.shape());
  } catch (const DTypeError& error) {
    report.notes.push_back(message(name, ": ", error.what(), ": it is unused, and stays as it was"));
    return present.clone();
  }
}

}  // namespace

template <class Self>
void Module::collect(Self& self, const std::string& prefix, std::vector<Named<Self>>& into) {
  for (ParameterId id = 0; id < self.parameters_.size(); ++id)
    into.push_back({prefix + self.parameters_[id].name, &self, id});
  for (auto& [name, child] : self.children_)
    collect<Self>(*child, prefix + name + '.', into);
}

std::vector<Module::Named<Module>> Module::named_parameters() {
  std::vector<Named<Module>> result;
  collect(*this, "", result);
  return result;
}

std::vector<Module::Named<const Module>> Module::named_parameters() const {
  std::vector<Named<const Module>> result;
  collect(*this, "", result);
  return result;
}

std::vector<WantedEntry> Module::wanted_entries() const {
  std::vector<WantedEntry> result;
  for (const auto& named : named_parameters()) {
    const Parameter& parameter = named.parameter();
    result.push_back({{named.name, parameter.value.shape(), parameter.value.dtype()}, parameter.counter});
  }
  return result;
}

LoadReport Module::compare(const std::vector<EntrySpec>& offered) const {
  return compare_entries(wanted_entries(), offered);
}

LoadReport Module::load(const StateDict& weights, LoadOptions options) {
  return load_from(weights, nullptr, options);
}

LoadReport Module::load(StateDict&& weights, LoadOptions options) {
  LoadReport report = load_from(weights, &weights, options);
  weights = StateDict();
  return report;
}

LoadReport Module::load_from(const StateDict& weights, StateDict* given_up, LoadOptions options) {
  std::vector<EntrySpec> offered;
  for (const auto& [name, tensor] : weights)
    offered.push_back({name, tensor.shape(), tensor.dtype()});
  LoadReport report = compare(offered);
  report.source = weights.source();
  report.notes.insert(report.notes.begin(), weights.notes().begin(), weights.notes().end());

  // Convert everything before anything is assigned, so that a refused value or running out of memory leaves
  // the module whole. A tensor of the right type that is given up is taken at the very end: until then
  // nothing is staged for it, and the state dict stays whole too.
  const std::vector<Named<Module>> all = named_parameters();
  const std::vector<WantedEntry> wanted = wanted_entries();
  std::vector<std::pair<Parameter*, Tensor>> staged;
  std::vector<const std::string*> names;  // of those that are taken, in order
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Named<Module>& named = all[i];
    Parameter& parameter = named.parameter();
    const Tensor* tensor = weights.find(named.name);
    if (tensor == nullptr || !fits(wanted[i], {named.name, tensor->shape(), tensor->dtype()})) continue;
    if (parameter.counter) {
      staged.emplace_back(&parameter, counter_value(named.name, *tensor, parameter.value, report));
      continue;
    }
    const bool taken = given_up != nullptr && tensor->dtype() == parameter.value.dtype();
    Tensor value = taken ? Tensor() : tensor->to(parameter.value.dtype());
    check_values(named.name, *tensor, taken ? *tensor : value, options, report);
    staged.emplace_back(&parameter, std::move(value));
    if (taken) names.push_back(&named.name);
  }
  if (report.has_errors(options.strict)) {
    throw LoadError(message("cannot load weights into ", display_name(), "\n", report.to_string()));
  }
  auto name = names.begin();
  for (auto& [parameter, value] : staged) {
    parameter->value = value.defined() ? std::move(value) : given_up->take(**name++);
    parameter->loaded = true;
  }
  for (const Named<Module>& named : all) {
    if (!named.parameter().counter && !named.parameter().loaded) report.kept_initial.push_back(named.name);
  }
  unprepare();
  return report;
}

void Module::initialize(std::uint64_t seed) {
  const std::vector<Named<Module>> all = named_parameters();
  std::vector<Tensor> staged;
  for (const auto& named : all) {
    const Parameter& parameter = named.parameter();
    const Shape& shape = parameter.value.shape();
    if (parameter.counter) {
      staged.push_back(Tensor::zeros(shape, parameter.value.dtype()));
      continue;
    }
    Tensor value = Tensor::full(shape, parameter.initial);
    RandomStream random(seed, named.name);
    named.owner->do_initialize(named.id, value.data<float>(), random);
    staged.push_back(parameter.value.dtype() == DType::f32 ? std::move(value)
                                                           : value.to(parameter.value.dtype()));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].parameter().value = std::move(staged[i]);
    all[i].parameter().initialized = true;
    all[i].parameter().loaded = false;
  }
  unprepare();
}

StateDict Module::state_dict() const {
  StateDict result;
  for (const auto& named : named_parameters())
    result.insert(named.name, named.parameter().value.clone());
  return result;
}

std::vector<EntrySpec> Module::entries() const {
  std::vector<EntrySpec> result;
  for (const auto& named : named_parameters())
    result.push_back({named.name, named.parameter().value.shape(), named.parameter().value.dtype()});
  return result;
}

void Module::to(DType dtype, ConversionOptions options) {
  if (!is_compute_dtype(dtype)) {
    throw DTypeError(message(display_name(), ": parameters can be f32, f16 or bf16, not ", dtype));
  }
  const std::vector<Named<Module>> all = named_parameters();
  std::vector<Tensor> staged;
  std::string problems;
  for (const auto& named : all) {
    const Parameter& parameter = named.parameter();
    const bool stays = parameter.counter || parameter.always_f32 || parameter.value.dtype() == dtype;
    staged.push_back(stays ? Tensor() : parameter.value.to(dtype));
    if (stays || options.allow_overflow) continue;
    const ConversionLoss loss = conversion_loss(parameter.value, staged.back());
    if (loss.overflowed > 0)
      problems += message("\n  ", named.name, ": ", overflow_text(loss, staged.back().spec()));
  }
  if (!problems.empty()) {
    throw DTypeError(message(display_name(), " does not fit ", dtype, problems, "\nkeep it in ",
                             dtype == DType::f16 ? "bf16 or f32" : "f32",
                             ", or convert to infinities with to(DType::", dtype,
                             ", {.allow_overflow = true})"));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].owner->dtype_ = dtype;
    if (staged[i].defined()) all[i].parameter().value = std::move(staged[i]);
  }
  unprepare();
}

std::optional<DType> Module::dtype() const {
  if (std::ranges::any_of(parameters_, [](const Parameter& parameter) { return !parameter.counter; }))
    return dtype_;
  for (const auto& [name, child] : children_) {
    if (const auto dtype = child->dtype()) return dtype;
  }
  return std::nullopt;
}

}  // namespace upconv
