#pragma once

#include <span>
#include <string>

#include <upconv/framework/operation.h>
#include <upconv/kernels/pad.h>
#include <upconv/layers/movement.h>

namespace upconv {

/// Pads its operand, by amounts that count from the last dimension on. Internal: not installed.
class PadOperation : public Operation {
 public:
  PadOperation(Sizes amounts, kernels::PadMode mode, double value)
      : amounts_(std::move(amounts)), mode_(mode), value_(value) {}

  std::string name() const override { return "pad"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override;
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override;
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;
  /// Rides in a convolution.
  Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
              const ExecutionContext& ctx) const override;

 private:
  /// Amounts in front of dimension `dim` of `rank`, and behind it.
  std::int64_t before(int dim, int rank) const;
  std::int64_t after(int dim, int rank) const;
  /// Throw in PyTorch's words unless x can be padded so.
  void check_arguments(const TensorSpec& x) const;
  void check_image(const Shape& x) const;
  void check_sizes(const Shape& x) const;
  kernels::PadProblem problem(const TensorSpec& x) const;

  Sizes amounts_;
  kernels::PadMode mode_;
  double value_;
};

}  // namespace upconv
