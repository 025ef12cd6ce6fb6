#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/module.h>

namespace upconv {

namespace {

bool is_finite(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    return std::ranges::all_of(tensor.data<T>(),
                               [](T value) { return std::isfinite(static_cast<double>(value)); });
  });
}

/// A hint for the one mistake that shapes give away: Conv2d's weight in place of ConvTranspose2d's, or the
/// reverse.
std::string transposed_hint(const Shape& wanted, const Shape& offered) {
  if (wanted.rank() != 4 || offered.rank() != 4) return {};
  const bool swapped = wanted[0] == offered[1] && wanted[1] == offered[0] && wanted[2] == offered[2] &&
                       wanted[3] == offered[3];
  return swapped
             ? " (its first two dimensions are swapped: ConvTranspose2d stores [in,out/groups,kh,kw], Conv2d "
               "[out,in/groups,kh,kw])"
             : "";
}

}  // namespace

template <class Self, class Visit>
void Module::visit_parameters(Self& self, const std::string& prefix, const Visit& visit) {
  for (auto& parameter : self.parameters_)
    visit(prefix + parameter.name, parameter);
  for (auto& [name, child] : self.children_)
    visit_parameters<Self>(*child, prefix + name + '.', visit);
}

LoadReport Module::compare(const std::vector<EntrySpec>& offered) const {
  std::unordered_map<std::string_view, const EntrySpec*> by_name;
  for (const EntrySpec& entry : offered)
    by_name.emplace(entry.name, &entry);

  LoadReport report;
  std::vector<std::string> missing;
  visit_parameters(*this, "", [&](const std::string& name, const Parameter& parameter) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      if (!parameter.counter) missing.push_back(name);
      return;
    }
    const EntrySpec& entry = *found->second;
    by_name.erase(found);
    const Tensor& value = parameter.value;
    if (entry.shape != value.shape()) {
      report.mismatched.push_back(message(name, " expected ", value.shape(), ", got ", entry.shape,
                                          transposed_hint(value.shape(), entry.shape)));
    } else if (is_floating(entry.dtype) != is_floating(value.dtype())) {
      report.mismatched.push_back(message(name, " expected ",
                                          is_floating(value.dtype()) ? "floating-point" : "integer",
                                          " values, got ", entry.dtype));
    } else if (size_of(entry.dtype) > size_of(value.dtype())) {
      report.notes.push_back(message(name, " narrowed from ", entry.dtype, " to ", value.dtype()));
    }
  });
  std::vector<std::string> left_over;
  for (const EntrySpec& entry : offered) {
    if (by_name.contains(entry.name)) left_over.push_back(entry.name);
  }
  for (const std::string& name : missing) {
    const std::string nearest = nearest_name(name, left_over);
    report.missing.push_back(nearest.empty() ? name
                                             : message(name, " (the nearest is ", printable(nearest), ')'));
  }
  for (const std::string& name : left_over)
    report.unexpected.push_back(printable(name));
  return report;
}

LoadReport Module::load(const StateDict& weights, LoadOptions options) {
  std::vector<EntrySpec> offered;
  for (const auto& [name, tensor] : weights)
    offered.push_back({name, tensor.shape(), tensor.dtype()});
  LoadReport report = compare(offered);
  report.source = weights.source();
  report.notes.insert(report.notes.begin(), weights.notes().begin(), weights.notes().end());
  if (options.require_finite) {
    visit_parameters(*this, "", [&](const std::string& name, const Parameter& parameter) {
      const Tensor* tensor = weights.find(name);
      if (tensor == nullptr || !tensor->defined() || !is_floating(tensor->dtype()) || parameter.counter)
        return;
      // As the parameter will hold it: a finite f64 may be infinite in f32.
      if (!is_finite(tensor->to(parameter.value.dtype())))
        report.mismatched.push_back(message(name, " holds NaN or infinity"));
    });
  }
  if (report.has_errors(options.strict)) {
    throw LoadError(message("cannot load weights into ", display_name(), "\n", report.to_string()));
  }

  // Convert everything before anything is assigned, so that running out of memory leaves the module whole.
  std::vector<std::pair<Parameter*, Tensor>> staged;
  visit_parameters(*this, "", [&](const std::string& name, Parameter& parameter) {
    if (const Tensor* tensor = weights.find(name))
      staged.emplace_back(&parameter, tensor->to(parameter.value.dtype()));
  });
  for (auto& [parameter, value] : staged)
    parameter->value = std::move(value);
  unprepare();
  return report;
}

StateDict Module::state_dict() const {
  StateDict result;
  visit_parameters(*this, "", [&](const std::string& name, const Parameter& parameter) {
    result.insert(name, parameter.value.clone());
  });
  return result;
}

std::vector<EntrySpec> Module::entries() const {
  std::vector<EntrySpec> result;
  visit_parameters(*this, "", [&](const std::string& name, const Parameter& parameter) {
    result.push_back({name, parameter.value.shape(), parameter.value.dtype()});
  });
  return result;
}

void Module::to(DType dtype) {
  if (!is_compute_dtype(dtype)) {
    throw DTypeError(message(display_name(), ": parameters can be f32, f16 or bf16, not ", dtype));
  }
  // Convert everything before anything is assigned, so that running out of memory leaves the module whole.
  std::vector<std::pair<Parameter*, Tensor>> staged;
  visit_parameters(*this, "", [&](const std::string&, Parameter& parameter) {
    if (!parameter.counter && parameter.value.dtype() != dtype)
      staged.emplace_back(&parameter, parameter.value.to(dtype));
  });
  for (auto& [parameter, value] : staged)
    parameter->value = std::move(value);
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

void Module::check_intact() const {
  if (!intact_.get()) throw StateError("this module was moved from: use the module that it was moved to");
}

const Module::Parameter& Module::registered(ParameterId id) const {
  if (id < parameters_.size()) return parameters_[id];
  check_intact();
  throw ArgumentError(
      message(display_name(), " has registered ", parameters_.size(), " parameters, there is no ", id));
}

void Module::prepare(ExecutionContext& ctx) {
  check_intact();
  ctx.check_usable();
  prepared_on_.reset();
  for (auto& [name, child] : children_)
    child->prepare(ctx);
  if (ctx.device().is_cuda()) upload(ctx);
  prepared_precision_ = ctx.precision();
  prepared_on_ = ctx.device();
  try {
    do_prepare(ctx);
  } catch (...) {
    prepared_on_.reset();
    throw;
  }
}

void Module::upload(ExecutionContext& ctx) {
  try {
    for (Parameter& parameter : parameters_) {
      if (parameter.counter) continue;
      const Tensor& value = parameter.value;
      Tensor on_device = Tensor::empty(value.shape(), value.dtype(), ctx.device());
      ctx.copy(on_device, value);
      parameter.on_device = std::move(on_device);
    }
    ctx.synchronize();  // other contexts may use the module as soon as it is prepared
  } catch (const CudaError& error) {
    throw CudaError(message(display_name(), ": ", error.what()));
  }
}

void Module::do_prepare(ExecutionContext&) {}

ConstTensorView Module::device_parameter(ParameterId id) const {
  const Parameter& parameter = registered(id);
  return prepared_on_ && prepared_on_->is_cuda() ? parameter.on_device.view() : parameter.value.view();
}

void Module::check_prepared(const ExecutionContext& ctx) const {
  check_intact();
  ctx.check_usable();
  if (!prepared_on_) {
    throw StateError(
        message(display_name(), " is not prepared: call prepare(ctx) after load() and before forward()"));
  }
  if (*prepared_on_ != ctx.device()) {
    throw DeviceError(message(display_name(), " is prepared for ", *prepared_on_, ", the context is on ",
                              ctx.device(), ": call prepare(ctx) with this context"));
  }
  if (prepared_precision_ != ctx.precision()) {
    throw StateError(message(display_name(), " is prepared for ", name_of(prepared_precision_),
                             ", the context asks for ", name_of(ctx.precision()),
                             ": call prepare(ctx) with this context"));
  }
}

void Module::check_dtype(const TensorSpec& x) const {
  if (!is_compute_dtype(x.dtype)) {
    throw DTypeError(message(display_name(), ": input must be f32, f16 or bf16, got ", x.dtype));
  }
  const std::optional<DType> own = dtype();
  if (own && *own != x.dtype) {
    throw DTypeError(message(display_name(), ": input is ", x.dtype, " but the parameters are ", *own,
                             ": convert one of them, with x.to(DType::", *own, ") or net.to(DType::", x.dtype,
                             ')'));
  }
}

Tensor Module::forward(ConstTensorView x, ExecutionContext& ctx) const {
  check_input(x, ctx);
  Tensor y = make_output(output_spec(x.spec()), ctx);
  forward_into(x, y, ctx);
  return y;
}

Tensor Module::make_output(const TensorSpec& spec, ExecutionContext& ctx) const {
  try {
    return Tensor::empty(spec.shape, spec.dtype, ctx);
  } catch (const CudaError& error) {
    throw CudaError(message(display_name(), ": output ", spec, ": ", error.what()));
  }
}

void Module::forward_into(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  check_input(x, ctx);
  check_forward(x, y, output_spec(x.spec()));
  do_forward(x, y, ctx);
}

void Module::check_input(ConstTensorView x, const ExecutionContext& ctx) const {
  if (!x.defined()) throw ArgumentError(message(display_name(), ": the input is not a tensor (undefined)"));
  check_prepared(ctx);
  if (x.device() != ctx.device()) {
    throw DeviceError(message(display_name(), ": input is on ", x.device(), ", the context on ", ctx.device(),
                              ": copy the input with x.to(ctx.device())"));
  }
}

void Module::check_forward(ConstTensorView x, TensorView y, const TensorSpec& wanted) const {
  if (!y.defined()) throw ArgumentError(message(display_name(), ": the output is not a tensor (undefined)"));
  if (y.shape() != wanted.shape) {
    throw ShapeError(message(display_name(), ": output expected ", wanted.shape, ", got ", y.shape()));
  }
  if (y.dtype() != wanted.dtype)
    throw DTypeError(message(display_name(), ": output expected ", wanted, ", got ", y.spec()));
  if (y.device() != wanted.device)
    throw DeviceError(message(display_name(), ": output expected ", wanted, ", got ", y.spec()));
  if (overlap(x, y) && !(runs_in_place() && x.raw() == y.raw())) {
    throw ArgumentError(
        message(display_name(), ": input and output overlap in memory: give the output its own tensor"));
  }
}

std::string Module::explain(const TensorSpec& x, const ExecutionContext&) const {
  return message(display_name(), ": ", x, " -> ", output_spec(x), '\n');
}

void Module::check_new_name(const char* what, const std::string& name) const {
  if (name.empty() || name.find('.') != std::string::npos) {
    throw ArgumentError(
        message(display_name(), ": ", what, " name '", name, "' must not be empty or contain a dot"));
  }
  const auto taken = [&](const auto& names, auto member) {
    return std::ranges::find(names, name, member) != names.end();
  };
  if (taken(parameters_, &Parameter::name))
    throw ArgumentError(message(display_name(), " already has a parameter '", name, '\''));
  if (taken(children_, [](const auto& child) -> const std::string& { return child.first; }))
    throw ArgumentError(message(display_name(), " already has a child '", name, '\''));
}

Module::ParameterId Module::register_parameter(std::string name, const Shape& shape, double initial) {
  check_new_name("parameter", name);
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.value = Tensor::full(shape, initial);
  parameters_.push_back(std::move(parameter));
  prepared_on_.reset();
  return parameters_.size() - 1;
}

Module::ParameterId Module::register_buffer(std::string name, const Shape& shape, double initial) {
  const ParameterId id = register_parameter(std::move(name), shape, initial);
  parameters_[id].buffer = true;
  return id;
}

void Module::register_counter(std::string name) {
  check_new_name("parameter", name);
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.value = Tensor::zeros({}, DType::i64);
  parameter.counter = true;
  parameters_.push_back(std::move(parameter));
}

Module& Module::register_module(std::string name, std::unique_ptr<Module> child) {
  if (child == nullptr) throw ArgumentError(message(display_name(), ": child '", name, "' is null"));
  check_new_name("child", name);
  child->set_path(path_.empty() ? name : path_ + '.' + name);
  prepared_on_.reset();
  children_.emplace_back(std::move(name), std::move(child));
  return *children_.back().second;
}

void Module::set_path(std::string path) {
  path_ = std::move(path);
  display_name_ = message(type_name_, " '", path_, '\'');
  for (auto& [name, child] : children_)
    child->set_path(path_ + '.' + name);
}

void Module::unprepare() {
  prepared_on_.reset();
  for (auto& [name, child] : children_)
    child->unprepare();
}

}  // namespace upconv
