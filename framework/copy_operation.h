#pragma once

#include <upconv/framework/operation.h>

namespace upconv {

/// The same elements in other memory: what a plan adds where a result cannot be made where it belongs.
class CopyOperation : public Operation {
 public:
  std::string name() const override { return "copy"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override { return operands[0]; }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    ctx.copy(y, operands[0]);
  }
};

}  // namespace upconv
