#pragma once

#include <string>

#include <upconv/framework/module.h>

namespace upconv {

/// A module as a step: of a layer of the user's own, or one that has nothing to join. Internal: not
/// installed.
class ModuleOperation : public Operation {
 public:
  explicit ModuleOperation(const Module& module) : module_(module) {}

  std::string name() const override { return module_.display_name(); }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    return module_.output_spec(operands[0]);
  }
  bool runs_in_place(std::size_t) const override { return module_.runs_in_place(); }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    module_.check_prepared(ctx);
    module_.do_forward(operands[0], y, ctx);
  }

 private:
  const Module& module_;
};

}  // namespace upconv
