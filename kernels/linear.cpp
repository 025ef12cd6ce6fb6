#include <utility>

#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

std::string LinearProblem::to_string() const {
  return message('m', rows, 'k', in_features, 'n', out_features, '_', name_of(dtype, precision));
}

std::span<const LinearRow> linear_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::linear_rows();
    case Device::Type::cuda:
      return cuda::linear_rows();
  }
  throw_invalid(type);
}

void validate(const LinearProblem& p) {
  for (const auto& [a, b] :
       {std::pair(p.rows, p.in_features), {p.out_features, p.in_features}, {p.rows, p.out_features}})
    static_cast<void>(Shape{a, b});  // throws on a negative size, and beyond 64 bits
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("linear: input must be f32, f16 or bf16, got ", p.dtype));
}

void linear(const LinearProblem& problem, const LinearOperands& operands, ModuleName layer,
            ExecutionContext& ctx) {
  validate(problem);
  const auto check = [&](std::string_view what, ConstTensorView view, const Shape& shape) {
    check_operand(layer, what, view, {shape, problem.dtype, ctx.device()});
  };
  check("input", operands.x, {problem.rows, problem.in_features});
  check("weight", operands.weight, {problem.out_features, problem.in_features});
  if (operands.bias.defined()) check("bias", operands.bias, {problem.out_features});
  check("output", operands.y, {problem.rows, problem.out_features});
  check_overlap(layer, operands.x, operands.y, false);
  if (operands.y.numel() == 0) return;
  run("linear", linear_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
