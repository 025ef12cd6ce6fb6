#include <memory>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/arithmetic_operation.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

TensorSpec BinaryOperation::output_spec(std::span<const TensorSpec> operands) const {
  for (const TensorSpec& operand : operands) {
    if (!is_compute_dtype(operand.dtype))
      throw DTypeError(message(name(), ": operands must be f32, f16 or bf16, got ", operand.dtype));
    if (operand.dtype != operands[0].dtype) {
      throw DTypeError(message(name(), ": one operand is ", operands[0].dtype, ", the other ", operand.dtype,
                               ": upconv does not convert by itself"));
    }
  }
  try {
    const Shape shape =
        operands.size() == 1 ? operands[0].shape : kernels::broadcast(operands[0].shape, operands[1].shape);
    return {shape, operands[0].dtype, operands[0].device};
  } catch (const ShapeError& error) {
    throw ShapeError(message(name(), ": ", error.what()));
  }
}

std::string BinaryOperation::kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const {
  return std::string(kernels::select("binary", kernels::binary_rows(ctx.device().type()), problem(operands),
                                     ctx.caps(), kernels::forced_kernel("binary", ctx))
                         .name);
}

void BinaryOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                          ExecutionContext& ctx) const {
  const TensorSpec& first = operands[0].spec();
  const TensorSpec specs[2] = {first, operands.back().spec()};
  kernels::BinaryOperands values{.a = {}, .b = {}, .y = y};
  if (number_) {
    (number_first_ ? values.b : values.a) = operands[0];
    values.scalar = *number_;
  } else {
    values.a = operands[0];
    values.b = operands[1];
  }
  kernels::binary(problem({specs, operands.size()}), values, kernels::name_of(kind_), ctx);
}

kernels::BinaryProblem BinaryOperation::problem(std::span<const TensorSpec> operands) const {
  const Shape scalar;
  const Shape& a = number_ && number_first_ ? scalar : operands[0].shape;
  const Shape& b = number_ ? (number_first_ ? operands[0].shape : scalar) : operands[1].shape;
  return kernels::BinaryProblem::of(kind_, operands[0].dtype, a, b);
}

std::optional<std::pair<float, float>> BinaryOperation::sum_signs() const {
  if (number_) return {};
  switch (kind_) {
    case kernels::BinaryKind::add:
      return std::pair(1.0f, 1.0f);
    case kernels::BinaryKind::subtract:
      return std::pair(1.0f, -1.0f);
    case kernels::BinaryKind::multiply:
    case kernels::BinaryKind::divide:
    case kernels::BinaryKind::maximum:
    case kernels::BinaryKind::minimum:
      return {};
  }
  return {};
}

Fusion BinaryOperation::fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
                             const ExecutionContext&) const {
  const auto signs = sum_signs();
  if (!signs || operands[0].shape != operands[1].shape) return {};
  Ladder ladder;
  static_cast<void>(ladder.add_residual(signs->second));  // an empty ladder takes every rung
  if (auto why = ladder.add(next, operand, operands[0].shape, operands.size() > 2 ? &operands[2] : nullptr))
    return {nullptr, *why};
  return {std::make_shared<PointwiseOperation>(name(), std::move(ladder))};
}

}  // namespace upconv
