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

void Module::prepare(ExecutionContext& ctx) {
  check_intact();
  ctx.check_usable();
  unprepare_for(ctx);
  check_loaded();
  prepare_checked(ctx);
}

void Module::check_loaded() const {
  constexpr std::size_t kMostNames = 6;
  std::size_t count = 0, wanted = 0;
  std::string names;
  for (const auto& named : named_parameters()) {
    const Parameter& parameter = named.parameter();
    if (parameter.counter) continue;
    ++wanted;
    if (parameter.loaded || parameter.initialized || ++count > kMostNames) continue;
    names += (names.empty() ? "" : ", ") + printable(named.name);
  }
  if (count == 0) return;
  if (count > kMostNames) names += message(", ... and ", count - kMostNames, " more");
  throw StateError(message(display_name(), ": ", count, " of ", wanted, " parameters were never loaded (",
                           names,
                           "): call net.load(read_hdf5(...)) or net.initialize(seed) before prepare(ctx)"));
}

void Module::prepare_checked(ExecutionContext& ctx) {
  for (auto& [name, child] : children_)
    child->prepare_checked(ctx);
  prepared_.push_back(
      {ctx.device(), ctx.precision(), ctx.device().is_cuda() ? uploaded(ctx) : nullptr, nullptr});
  preparing_ = true;
  keeps_members_ = false;
  try {
    prepared_.back().own = prepare_for(ctx);
    keeps_members_ = true;  // unless do_prepare is Module's, which says so
    do_prepare(ctx);
  } catch (...) {
    preparing_ = false;
    prepared_.pop_back();
    if (keeps_members_) prepared_.clear();  // it may have begun to overwrite them
    throw;
  }
  preparing_ = false;
  if (keeps_members_) prepared_.erase(prepared_.begin(), prepared_.end() - 1);
}

std::shared_ptr<const std::vector<Tensor>> Module::uploaded(ExecutionContext& ctx) const {
  for (const PreparedEntry& entry : prepared_) {
    if (entry.device == ctx.device()) return entry.on_device;
  }
  auto on_device = std::make_shared<std::vector<Tensor>>();
  try {
    for (const Parameter& parameter : parameters_) {
      const Tensor& value = parameter.value;
      if (!parameter.counter) {
        on_device->push_back(Tensor::empty(value.shape(), value.dtype(), ctx.device()));
        ctx.copy(on_device->back(), value);
      } else {
        on_device->emplace_back();
      }
    }
    ctx.synchronize();  // other contexts may use the module as soon as it is prepared
  } catch (const CudaError& error) {
    throw CudaError(message(display_name(), ": ", error.what()));
  }
  return on_device;
}

void Module::do_initialize(ParameterId, std::span<float>, RandomStream&) const {}

std::unique_ptr<const Prepared> Module::prepare_for(ExecutionContext&) const {
  return nullptr;
}

void Module::do_prepare(ExecutionContext&) {
  keeps_members_ = false;
}

ConstTensorView Module::device_parameter(ParameterId id, const ExecutionContext& ctx) const {
  const Parameter& parameter = registered(id);
  const PreparedEntry& entry = prepared_entry(ctx);
  return entry.on_device == nullptr ? parameter.value.view() : (*entry.on_device)[id].view();
}

ConstTensorView Module::device_parameter(ParameterId id) const {
  const Parameter& parameter = registered(id);
  if (prepared_.empty()) return parameter.value;
  const PreparedEntry& entry = prepared_.back();
  const bool one_device = std::ranges::all_of(
      prepared_, [&](const PreparedEntry& other) { return other.device == entry.device; });
  if (!one_device && !preparing_) {
    throw StateError(message(display_name(),
                             " is prepared for several devices, so that device_parameter(id) has no "
                             "answer: call device_parameter(id, ctx)"));
  }
  return entry.on_device == nullptr ? parameter.value.view() : (*entry.on_device)[id].view();
}

const PreparedEntry* Module::find_prepared(const ExecutionContext& ctx) const {
  const auto found =
      std::ranges::find_if(prepared_, [&](const PreparedEntry& entry) { return entry.is_for(ctx); });
  return found == prepared_.end() ? nullptr : &*found;
}

const Prepared& Module::own_state(const ExecutionContext& ctx) const {
  const PreparedEntry& entry = prepared_entry(ctx);
  if (entry.own == nullptr) throw StateError(message(display_name(), ": its prepare_for returned no state"));
  return *entry.own;
}

const PreparedEntry& Module::prepared_entry(const ExecutionContext& ctx) const {
  if (const PreparedEntry* entry = find_prepared(ctx)) return *entry;
  check_prepared(ctx);  // throws
  throw StateError(message(display_name(), " is not prepared"));
}

void Module::check_prepared(const ExecutionContext& ctx) const {
  check_intact();
  ctx.check_usable();
  if (find_prepared(ctx) != nullptr) return;
  if (prepared_.empty()) {
    throw StateError(
        message(display_name(), " is not prepared: call prepare(ctx) after load() and before forward()"));
  }
  std::string known;
  for (const PreparedEntry& entry : prepared_)
    known += message(known.empty() ? "" : " and ", entry.device, " in ", name_of(entry.precision));
  throw StateError(message(display_name(), " is prepared for ", known, ", the context is on ", ctx.device(),
                           " in ", name_of(ctx.precision()), ": call prepare(ctx) with this context"));
}

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

void Module::unprepare_for(const ExecutionContext& ctx) {
  // Plans stay when a module is prepared for one more kind of context: they do not depend on the others.
  const auto count = std::erase_if(prepared_, [&](const PreparedEntry& entry) { return entry.is_for(ctx); });
  if (count > 0) ++revision_;
  for (auto& [name, child] : children_)
    child->unprepare_for(ctx);
}

void Module::unprepare() {
  prepared_.clear();
  ++revision_;
  for (auto& [name, child] : children_)
    child->unprepare();
}

}  // namespace upconv
