#include <upconv/kernels/activation.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>

namespace upconv::kernels {

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
  return type == Device::Type::cuda ? cuda::activation_rows() : cpu::activation_rows();
}

void activation(const ActivationProblem& problem, const ActivationOperands& operands, std::string_view layer,
                ExecutionContext& ctx) {
  run("activation", activation_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
