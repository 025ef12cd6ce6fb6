#include <algorithm>
#include <cmath>

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

LoadReport Module::compare(const std::vector<EntrySpec>& offered) const {
  std::vector<WantedEntry> wanted;
  for (const auto& named : named_parameters()) {
    const Parameter& parameter = named.parameter();
    wanted.push_back({{named.name, parameter.value.shape(), parameter.value.dtype()}, parameter.counter});
  }
  return compare_entries(wanted, offered);
}

LoadReport Module::load(const StateDict& weights, LoadOptions options) {
  std::vector<EntrySpec> offered;
  for (const auto& [name, tensor] : weights)
    offered.push_back({name, tensor.shape(), tensor.dtype()});
  LoadReport report = compare(offered);
  report.source = weights.source();
  report.notes.insert(report.notes.begin(), weights.notes().begin(), weights.notes().end());
  if (options.require_finite) {
    for (const auto& named : named_parameters()) {
      const Parameter& parameter = named.parameter();
      const Tensor* tensor = weights.find(named.name);
      if (tensor == nullptr || !tensor->defined() || !is_floating(tensor->dtype()) || parameter.counter)
        continue;
      // As the parameter will hold it: a finite f64 may be infinite in f32.
      if (!is_finite(tensor->to(parameter.value.dtype())))
        report.mismatched.push_back(message(named.name, " holds NaN or infinity"));
    }
  }
  if (report.has_errors(options.strict)) {
    throw LoadError(message("cannot load weights into ", display_name(), "\n", report.to_string()));
  }

  // Convert everything before anything is assigned, so that running out of memory leaves the module whole.
  std::vector<std::pair<Parameter*, Tensor>> staged;
  for (const auto& named : named_parameters()) {
    Parameter& parameter = named.parameter();
    if (const Tensor* tensor = weights.find(named.name))
      staged.emplace_back(&parameter, tensor->to(parameter.value.dtype()));
  }
  for (auto& [parameter, value] : staged) {
    parameter->value = std::move(value);
    parameter->has_value = true;
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
    all[i].parameter().has_value = true;
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

void Module::to(DType dtype) {
  if (!is_compute_dtype(dtype)) {
    throw DTypeError(message(display_name(), ": parameters can be f32, f16 or bf16, not ", dtype));
  }
  for (const auto& named : named_parameters()) {
    Parameter& parameter = named.parameter();
    if (!parameter.counter) parameter.value = parameter.value.to(dtype);
  }
  unprepare();
}

std::optional<DType> Module::dtype() const {
  for (const Parameter& parameter : parameters_) {
    if (!parameter.counter) return parameter.value.dtype();
  }
  for (const auto& [name, child] : children_) {
    if (const auto dtype = child->dtype()) return dtype;
  }
  return std::nullopt;
}

}  // namespace upconv
