#pragma once

#include <memory>
#include <string>

#include <upconv/framework/operation.h>
#include <upconv/layers/convolution_layer.h>
#include <upconv/layers/ladder.h>

namespace upconv {

/// A convolution as a step of a network, with what its epilogue does as well. Operands: x, then the residual
/// if there is one. Internal: not installed.
class ConvolutionOperation : public Operation {
 public:
  explicit ConvolutionOperation(const ConvolutionLayer& layer, Ladder ladder = {})
      : layer_(layer), ladder_(std::move(ladder)) {}

  std::string name() const override { return layer_.display_name(); }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    return layer_.output_spec(operands[0]);
  }
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(layer_.row(operands[0], ladder_.form(), ctx).name);
  }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;
  Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
              const ExecutionContext& ctx) const override;

 private:
  const ConvolutionLayer& layer_;
  Ladder ladder_;
};

}  // namespace upconv
