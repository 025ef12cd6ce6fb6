#include <upconv/kernels/activation.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

namespace {

/// Throws: ArgumentError if `kind` is none of the enumerators.
bool takes_slopes(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::prelu:
      return true;
    case ActivationKind::none:
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
      return false;
  }
  throw ArgumentError(
      message("ActivationKind(", static_cast<int>(kind), ") is no activation: use one of the enumerators"));
}

}  // namespace

std::string_view name_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::none:
      return "none";
    case ActivationKind::relu:
      return "relu";
    case ActivationKind::leaky_relu:
      return "leaky_relu";
    case ActivationKind::prelu:
      return "prelu";
    case ActivationKind::sigmoid:
      return "sigmoid";
    case ActivationKind::tanh:
      return "tanh";
  }
  return "invalid";
}

std::string ActivationProblem::to_string() const {
  return message(name_of(kind), "_o", outer, 'c', channels, 'i', inner, '_', dtype);
}

std::span<const ActivationRow> activation_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::activation_rows();
    case Device::Type::cuda:
      return cuda::activation_rows();
  }
  throw_invalid(type);
}

void check_activation(ModuleName layer, const Activation& activation, std::int64_t channels, DType dtype,
                      Device device) {
  if (!takes_slopes(activation.kind)) return;
  const ConstTensorView& slopes = activation.slopes;
  if (!slopes.defined()) {
    throw ArgumentError(message(layer, ": prelu has no slopes: set Activation::slopes to [1] or [", channels,
                                "] of ", dtype, " on ", device));
  }
  if (slopes.shape() != Shape{1} && slopes.shape() != Shape{channels}) {
    throw ShapeError(message(layer, ": prelu's slopes expected [1], or [", channels, "] for ", channels,
                             " channels, got ", slopes.shape()));
  }
  check_operand(layer, "prelu's slopes", slopes, slopes.numel(), dtype, device);
}

void validate(const ActivationProblem& p) {
  const bool with_slopes = takes_slopes(p.kind);
  static_cast<void>(Shape{p.outer, p.channels, p.inner});  // throws on a negative size, and beyond 64 bits
  if (with_slopes && p.slopes != 1 && p.slopes != p.channels)
    throw ShapeError(message("activation: prelu has 1 slope or one for each of ", p.channels,
                             " channels, got ", p.slopes));
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("activation: input must be f32, f16 or bf16, got ", p.dtype));
}

void activation(const ActivationProblem& problem, const ActivationOperands& operands, ModuleName layer,
                ExecutionContext& ctx) {
  validate(problem);
  const std::int64_t numel = problem.outer * problem.channels * problem.inner;
  check_operand(layer, "input", operands.x, numel, problem.dtype, ctx.device());
  check_operand(layer, "output", operands.y, numel, problem.dtype, ctx.device());
  check_overlap(layer, operands.x, operands.y, true);
  check_activation(layer, operands.activation, problem.channels, problem.dtype, ctx.device());
  if (operands.activation.kind != problem.kind ||
      (takes_slopes(problem.kind) && operands.activation.slopes.numel() != problem.slopes)) {
    throw ArgumentError(message(layer, ": the activation ", name_of(operands.activation.kind),
                                " is not that of ", problem.to_string()));
  }
  if (numel == 0) return;
  run("activation", activation_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
