#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/module.h>

// The part of Module that makes it ready for contexts, and knows for which it is.

namespace upconv {

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
