#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>
#include <upconv/kernels/pointwise.h>

namespace upconv::kernels {

std::string PointwiseProblem::to_string() const {
  return message('o', outer, 'c', channels, 'i', inner, '_', dtype, form.to_string());
}

std::span<const PointwiseRow> pointwise_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::pointwise_rows();
    case Device::Type::cuda:
      return cuda::pointwise_rows();
  }
  throw_invalid(type);
}

void validate(const PointwiseProblem& p) {
  static_cast<void>(Shape{p.outer, p.channels, p.inner});  // throws on a negative size, and beyond 64 bits
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("pointwise: input must be f32, f16 or bf16, got ", p.dtype));
}

void pointwise(PointwiseProblem problem, const PointwiseOperands& operands, ModuleName layer,
               ExecutionContext& ctx) {
  validate(problem);
  problem.form = EpilogueForm::of(operands.epilogue);
  check_operand(layer, "input", operands.x, problem.count(), problem.dtype, ctx.device());
  check_operand(layer, "output", operands.y, problem.count(), problem.dtype, ctx.device());
  check_overlap(layer, operands.x, operands.y, true);
  check_epilogue(layer, operands.epilogue, problem.channels, operands.y);
  if (operands.epilogue.residual.defined())
    check_overlap(layer, operands.epilogue.residual, operands.y, true);
  if (problem.count() == 0) return;
  run("pointwise", pointwise_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
