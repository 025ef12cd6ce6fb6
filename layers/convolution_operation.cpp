#include <upconv/framework/message.h>
#include <upconv/layers/convolution_operation.h>

namespace upconv {

void ConvolutionOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                               ExecutionContext& ctx) const {
  layer_.check_prepared(ctx);
  ladder_.check_prepared(ctx);
  const ConstTensorView residual = ladder_.form().residual ? operands[1] : ConstTensorView();
  layer_.run(operands[0], ladder_.epilogue(residual, ctx), y, ctx);
}

Fusion ConvolutionOperation::fuse(const Operation& next, std::size_t operand,
                                  std::span<const TensorSpec> operands, const ExecutionContext& ctx) const {
  Ladder ladder = ladder_;
  const Shape y = layer_.output_spec(operands[0]).shape;
  const std::size_t own = ladder_.form().residual ? 2 : 1;
  if (auto why = ladder.add(next, operand, y, operands.size() > own ? &operands[own] : nullptr))
    return {nullptr, *why};
  if (ladder.goes_by_channel() && y.rank() != 4)
    return {nullptr, "its parameters do not go by the convolution's channels"};
  // The convolution keeps its kernel: what that cannot do is cheaper in a pass of its own.
  const kernels::ConvRow& row = layer_.row(operands[0], ladder_.form(), ctx);
  const kernels::Verdict verdict = layer_.takes(row, operands[0], ladder.form(), ctx);
  if (!verdict.supported) return {nullptr, message(row.name, ": ", verdict.reason)};
  return {std::make_shared<ConvolutionOperation>(layer_, std::move(ladder))};
}

}  // namespace upconv
