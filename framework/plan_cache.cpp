#include <algorithm>
#include <functional>

#include <upconv/framework/plan_cache.h>

namespace upconv {

template <class Inputs, class Projection>
std::shared_ptr<Plan> PlanCache::find_by(const ModuleState& state, const Inputs& inputs, Projection spec_of) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.state == state && std::ranges::equal(entry.inputs, inputs, {}, {}, spec_of);
  });
  if (found == entries_.end()) return nullptr;
  std::rotate(entries_.begin(), found, found + 1);
  return entries_.front().plan;
}

std::shared_ptr<Plan> PlanCache::find(const ModuleState& state, std::span<const TensorSpec> inputs) {
  return find_by(state, inputs, std::identity());
}

std::shared_ptr<Plan> PlanCache::find(const ModuleState& state, std::span<const ConstTensorView> inputs) {
  return find_by(state, inputs, &ConstTensorView::spec);
}

void PlanCache::insert(const ModuleState& state, std::span<const TensorSpec> inputs,
                       std::shared_ptr<Plan> plan) {
  if (entries_.size() == kMostPlans) entries_.pop_back();
  entries_.insert(entries_.begin(), {state, {inputs.begin(), inputs.end()}, std::move(plan)});
}

}  // namespace upconv
