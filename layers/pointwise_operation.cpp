#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

kernels::PointwiseProblem pointwise_problem(const TensorSpec& x, const kernels::EpilogueForm& form) {
  kernels::PointwiseProblem problem{.inner = x.shape.numel(), .dtype = x.dtype, .form = form};
  // Without elements the sizes may be such that their product is beyond 64 bits.
  if (problem.inner == 0) problem.channels = x.shape.rank() < 2 ? 1 : x.shape[1];
  if (problem.inner == 0 || x.shape.rank() < 2) return problem;
  problem.outer = x.shape[0];
  problem.channels = x.shape[1];
  problem.inner /= problem.outer * problem.channels;
  return problem;
}

PointwiseOperation::PointwiseOperation(const PointwiseLayer& layer)
    : layer_(&layer), name_(layer.display_name()) {
  static_cast<void>(ladder_.add(layer));  // an empty ladder takes every rung
}

TensorSpec PointwiseOperation::output_spec(std::span<const TensorSpec> operands) const {
  if (layer_ != nullptr) return layer_->output_spec(operands[0]);
  if (!is_compute_dtype(operands[0].dtype))
    throw DTypeError(message(name_, ": input must be f32, f16 or bf16, got ", operands[0].dtype));
  return operands[0];
}

std::string PointwiseOperation::kernel(std::span<const TensorSpec> operands,
                                       const ExecutionContext& ctx) const {
  return std::string(kernels::select("pointwise", kernels::pointwise_rows(ctx.device().type()),
                                     pointwise_problem(operands[0], ladder_.form()), ctx.caps(),
                                     kernels::forced_kernel("pointwise", ctx))
                         .name);
}

void PointwiseOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                             ExecutionContext& ctx) const {
  ladder_.check_prepared(ctx);
  const ConstTensorView residual = ladder_.form().residual ? operands[1] : ConstTensorView();
  const ModuleName name = layer_ == nullptr ? ModuleName(std::string_view(name_)) : layer_->name();
  kernels::pointwise(pointwise_problem(operands[0].spec(), ladder_.form()),
                     {.x = operands[0], .epilogue = ladder_.epilogue(residual, ctx), .y = y}, name, ctx);
}

Fusion PointwiseOperation::fuse(const Operation& next, std::size_t operand,
                                std::span<const TensorSpec> operands, const ExecutionContext&) const {
  Ladder ladder = ladder_;
  const std::size_t own = ladder_.form().residual ? 2 : 1;
  if (auto why =
          ladder.add(next, operand, operands[0].shape, operands.size() > own ? &operands[own] : nullptr))
    return {nullptr, *why};
  return {std::make_shared<PointwiseOperation>(name_, std::move(ladder))};
}

}  // namespace upconv
