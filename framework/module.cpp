#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/module.h>
#include <upconv/framework/module_operation.h>
#include <upconv/framework/recording.h>

namespace upconv {

void Module::check_intact() const {
  if (!intact_.get()) throw StateError("this module was moved from: use the module that it was moved to");
}

const Module::Parameter& Module::registered(ParameterId id) const {
  if (id < parameters_.size()) return parameters_[id];
  check_intact();
  throw ArgumentError(
      message(display_name(), " has registered ", parameters_.size(), " parameters, there is no ", id));
}

void Module::keep_in_f32(ParameterId id) {
  static_cast<void>(registered(id));  // throws if there is none
  parameters_[id].always_f32 = true;
}

void Module::do_initialize(ParameterId, std::span<float>, RandomStream&) const {}

void Module::check_dtype(const TensorSpec& x) const {
  if (!is_compute_dtype(x.dtype)) {
    throw DTypeError(message(display_name(), ": input must be f32, f16 or bf16, got ", x.dtype,
                             ": convert it, with x.to(DType::f32)"));
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
  Tensor y = make_output(planned_output_spec(x.spec(), ctx), ctx);
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
  check_forward(x, y, planned_output_spec(x.spec(), ctx));
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

ModuleState Module::state() const {
  // Every warm run asks: the children's identities are not copied along the way.
  const auto revision_of = [](const auto& self, const Module& module) -> std::uint64_t {
    std::uint64_t revision = module.revision_;
    for (const auto& [name, child] : module.children_)
      revision += self(self, *child);
    return revision;
  };
  return {identity_, revision_of(revision_of, *this)};
}

TensorSpec Module::planned_output_spec(const TensorSpec& x, ExecutionContext&) const {
  return output_spec(x);
}

Value Module::record_call(Value x, SourceLocation where) const {
  return Recording::call(operation(), {&x, 1}, where);
}

std::shared_ptr<const Operation> Module::operation() const {
  return std::make_shared<ModuleOperation>(*this);
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
  parameter.initial = initial;
  parameters_.push_back(std::move(parameter));
  prepared_.clear();
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
  prepared_.clear();
  ++revision_;
  children_.emplace_back(std::move(name), std::move(child));
  return *children_.back().second;
}

void Module::set_path(std::string path) {
  path_ = std::move(path);
  display_name_ = message(type_name_, " '", path_, '\'');
  for (auto& [name, child] : children_)
    child->set_path(path_ + '.' + name);
}

}  // namespace upconv
