#pragma once

#include <memory>
#include <string>

#include <upconv/framework/operation.h>
#include <upconv/layers/convolution_layer.h>
#include <upconv/layers/ladder.h>

namespace upconv {

/// Padding in front of a convolution that its kernel does on the way in. Internal: not installed.
struct ExtraPadding {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  PaddingMode mode = PaddingMode::zeros;

  friend bool operator==(const ExtraPadding&, const ExtraPadding&) = default;
};

/// A convolution as a step of a network, with the padding before it that it does as well, and what its
/// epilogue does. Operands: x, then the residual
/// if there is one. Internal: not installed.
class ConvolutionOperation : public Operation {
 public:
  explicit ConvolutionOperation(const ConvolutionLayer& layer, Ladder ladder = {},
                                const ExtraPadding& padding = {})
      : layer_(layer), ladder_(std::move(ladder)), padding_(padding) {}

  std::string name() const override { return layer_.display_name(); }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    const kernels::ConvProblem p = problem(operands[0]);
    layer_.check(p);
    return ConvolutionLayer::spec_of(p, operands[0]);
  }
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(layer_.row(problem(operands[0]), ladder_.form(), ctx).name);
  }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;
  Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
              const ExecutionContext& ctx) const override;
  const void* family() const override { return &kFamily; }
  /// `operation` as a convolution, or null.
  static const ConvolutionOperation* from(const Operation& operation);
  /// The convolution with this padding of x before it, or why it has to stay a step of its own. `padded` is x
  /// with the padding.
  Fusion with_padding(const ExtraPadding& padding, const TensorSpec& x, const TensorSpec& padded,
                      const ExecutionContext& ctx) const;

 private:
  kernels::ConvProblem problem(const TensorSpec& x) const;

  static constexpr char kFamily = 0;  // its address is the name
  const ConvolutionLayer& layer_;
  Ladder ladder_;
  ExtraPadding padding_;
};

}  // namespace upconv
