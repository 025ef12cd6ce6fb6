#pragma once

#include <memory>
#include <span>
#include <vector>

#include <upconv/framework/module.h>
#include <upconv/framework/plan.h>

namespace upconv {

/// A context's plans, the least recently used of which make room. Internal: not installed.
class PlanCache {
 public:
  static constexpr std::size_t kMostPlans = 32;

  explicit PlanCache(Device) {}

  /// The plan of this module for inputs of these specs, or null.
  std::shared_ptr<Plan> find(const ModuleState& state, std::span<const TensorSpec> inputs);
  std::shared_ptr<Plan> find(const ModuleState& state, std::span<const ConstTensorView> inputs);
  void insert(const ModuleState& state, std::span<const TensorSpec> inputs, std::shared_ptr<Plan> plan);

 private:
  struct Entry {
    ModuleState state;
    std::vector<TensorSpec> inputs;
    std::shared_ptr<Plan> plan;
  };
  template <class Inputs, class Projection>
  std::shared_ptr<Plan> find_by(const ModuleState& state, const Inputs& inputs, Projection spec_of);

  std::vector<Entry> entries_;  // the most recently used first
};

}  // namespace upconv
