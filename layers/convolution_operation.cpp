#include <upconv/framework/message.h>
#include <upconv/layers/convolution_operation.h>

namespace upconv {

const ConvolutionOperation* ConvolutionOperation::from(const Operation& operation) {
  return operation.family() == &kFamily ? static_cast<const ConvolutionOperation*>(&operation) : nullptr;
}

kernels::ConvProblem ConvolutionOperation::problem(const TensorSpec& x) const {
  kernels::ConvProblem p = layer_.problem_for(x);
  if (padding_ == ExtraPadding{}) return p;
  p.padding_mode = padding_.mode;
  p.pad_h += padding_.top;
  p.pad_w += padding_.left;
  p.pad_end_h = padding_.bottom - padding_.top;
  p.pad_end_w = padding_.right - padding_.left;
  return p;
}

Fusion ConvolutionOperation::with_padding(const ExtraPadding& padding, const TensorSpec& x,
                                          const TensorSpec& padded, const ExecutionContext& ctx) const {
  const kernels::ConvProblem apart = problem(padded);
  if (apart.transposed) return {nullptr, "a transposed convolution cuts its padding off"};
  const bool has_own = apart.pad_h != 0 || apart.pad_w != 0;
  if (has_own && (apart.padding_mode != PaddingMode::zeros || padding.mode != PaddingMode::zeros))
    return {nullptr, "the convolution has padding of another kind"};
  // Padding of its own a kernel does not multiply.
  if (padding.mode == PaddingMode::zeros && !layer_.for_context(apart, ctx).finite_weight)
    return {nullptr, "some weights are infinite or NaN, and the zeros of the pad are multiplied"};
  auto joined = std::make_shared<ConvolutionOperation>(layer_, ladder_, padding);
  // The convolution keeps its kernel: a pass that pads is cheaper than a slower kernel.
  const kernels::ConvRow& row = layer_.row(apart, ladder_.form(), ctx);
  const kernels::Verdict verdict = layer_.takes(row, joined->problem(x), ladder_.form(), ctx);
  if (!verdict.supported) return {nullptr, message(row.name, ": ", verdict.reason)};
  return {std::move(joined)};
}

void ConvolutionOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                               ExecutionContext& ctx) const {
  layer_.check_prepared(ctx);
  ladder_.check_prepared(ctx);
  const ConstTensorView residual = ladder_.form().residual ? operands[1] : ConstTensorView();
  layer_.run(problem(operands[0].spec()), operands[0], ladder_.epilogue(residual, ctx), y, ctx);
}

Fusion ConvolutionOperation::fuse(const Operation& next, std::size_t operand,
                                  std::span<const TensorSpec> operands, const ExecutionContext& ctx) const {
  Ladder ladder = ladder_;
  const Shape y = output_spec(operands.first(1)).shape;
  const std::size_t own = ladder_.form().residual ? 2 : 1;
  if (auto why = ladder.add(next, operand, y, operands.size() > own ? &operands[own] : nullptr))
    return {nullptr, *why};
  if (ladder.goes_by_channel() && y.rank() != 4)
    return {nullptr, "its parameters do not go by the convolution's channels"};
  // The convolution keeps its kernel: what that cannot do is cheaper in a pass of its own.
  const kernels::ConvProblem p = problem(operands[0]);
  const kernels::ConvRow& row = layer_.row(p, ladder_.form(), ctx);
  const kernels::Verdict verdict = layer_.takes(row, p, ladder.form(), ctx);
  if (!verdict.supported) return {nullptr, message(row.name, ": ", verdict.reason)};
  return {std::make_shared<ConvolutionOperation>(layer_, std::move(ladder), padding_)};
}

}  // namespace upconv
