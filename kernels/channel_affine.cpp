#include <upconv/kernels/channel_affine.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

std::string ChannelAffineProblem::to_string() const {
  return message('o', outer, 'c', channels, 'i', inner, '_', dtype);
}

std::span<const ChannelAffineRow> channel_affine_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::channel_affine_rows();
    case Device::Type::cuda:
      return cuda::channel_affine_rows();
  }
  throw_invalid(type);
}

void validate(const ChannelAffineProblem& p) {
  static_cast<void>(Shape{p.outer, p.channels, p.inner});  // throws on a negative size, and beyond 64 bits
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("channel_affine: input must be f32, f16 or bf16, got ", p.dtype));
}

void channel_affine(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
                    ModuleName layer, ExecutionContext& ctx) {
  validate(problem);
  const std::int64_t numel = problem.outer * problem.channels * problem.inner;
  check_operand(layer, "input", operands.x, numel, problem.dtype, ctx.device());
  check_operand(layer, "output", operands.y, numel, problem.dtype, ctx.device());
  check_overlap(layer, operands.x, operands.y, true);
  check_operand(layer, "scale", operands.scale, {{problem.channels}, DType::f32, ctx.device()});
  check_operand(layer, "shift", operands.shift, {{problem.channels}, DType::f32, ctx.device()});
  if (numel == 0) return;
  run("channel_affine", channel_affine_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
