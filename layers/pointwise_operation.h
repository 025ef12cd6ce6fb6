#pragma once

#include <memory>
#include <string>

#include <upconv/framework/operation.h>
#include <upconv/layers/ladder.h>

namespace upconv {

/// The pointwise kernel's problem for an input like `x`.
kernels::PointwiseProblem pointwise_problem(const TensorSpec& x, const kernels::EpilogueForm& form);

/// Calls that compute element by element, as one step of a network. Operands: x, then the residual if there
/// is one. A step with an epilogue just before takes them over. Internal: not installed.
class PointwiseOperation : public Operation {
 public:
  /// A layer.
  explicit PointwiseOperation(const PointwiseLayer& layer);
  /// A function: what `ladder` does, under the function's name.
  PointwiseOperation(std::string name, Ladder ladder) : name_(std::move(name)), ladder_(std::move(ladder)) {}

  const void* family() const override { return &kFamily; }
  /// `operation` as one of this class, or null.
  static const PointwiseOperation* from(const Operation& operation) {
    return operation.family() == &kFamily ? static_cast<const PointwiseOperation*>(&operation) : nullptr;
  }

  std::string name() const override { return name_; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override;
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override;
  bool runs_in_place(std::size_t) const override { return true; }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;
  Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
              const ExecutionContext& ctx) const override;

  const Ladder& ladder() const { return ladder_; }  ///< What it computes.

 private:
  static constexpr char kFamily = 0;

  const PointwiseLayer* layer_ = nullptr;  // if it is one alone
  std::string name_;
  Ladder ladder_;
};

}  // namespace upconv
