#include <array>
#include <cmath>

#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

float activate(ActivationKind kind, float value, float slope) {
  switch (kind) {
    case ActivationKind::none:
      return value;
    case ActivationKind::relu:
      return value < 0.0f ? 0.0f : value;  // NaN stays NaN, as in PyTorch
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:
      return value < 0.0f ? value * slope : value;
    case ActivationKind::sigmoid:
      return 1.0f / (1.0f + std::exp(-value));
    case ActivationKind::tanh:
      return std::tanh(value);
  }
  return value;
}

template <class T>
void apply(const ActivationProblem& p, const ActivationOperands& operands, int threads) {
  const std::span<const T> x = operands.x.data<T>();
  const std::span<T> y = operands.y.data<T>();
  const Activation& activation = operands.activation;
  const std::int64_t planes = p.outer * p.channels;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    float slope = activation.negative_slope;
    if (p.kind == ActivationKind::prelu)
      slope = activation.slopes.data<T>()[p.slopes == 1 ? 0 : plane % p.channels];
    for (std::int64_t i = plane * p.inner; i < (plane + 1) * p.inner; ++i) {
      y[i] = static_cast<T>(activate(p.kind, static_cast<float>(x[i]), slope));
    }
  }
}

Verdict supports(const ActivationProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const ActivationProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const ActivationProblem& problem, const ActivationOperands& operands, ExecutionContext& ctx) {
  visit_dtype(problem.dtype,
              [&]<class T>(std::type_identity<T>) { apply<T>(problem, operands, ctx.num_threads()); });
}

}  // namespace

std::span<const ActivationRow> activation_rows() {
  static constexpr std::array kRows = {ActivationRow{"cpu.plain", supports, workspace_bytes, launch}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
