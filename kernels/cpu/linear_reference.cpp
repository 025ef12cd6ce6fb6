#include <upconv/kernels/cpu/linear_reference.h>

namespace upconv::kernels::cpu::reference {

namespace {

template <class T>
void multiply(const LinearProblem& p, const LinearOperands& operands) {
  const std::span<const T> x = operands.x.data<T>();
  const std::span<const T> w = operands.weight.data<T>();
  const std::span<T> y = operands.y.data<T>();
  for (std::int64_t row = 0; row < p.rows; ++row) {
    for (std::int64_t out = 0; out < p.out_features; ++out) {
      double sum = operands.bias.defined() ? static_cast<double>(operands.bias.data<T>()[out]) : 0.0;
      for (std::int64_t k = 0; k < p.in_features; ++k) {
        sum +=
            static_cast<double>(x[row * p.in_features + k]) * static_cast<double>(w[out * p.in_features + k]);
      }
      y[row * p.out_features + out] = static_cast<T>(static_cast<float>(sum));
    }
  }
}

}  // namespace

Verdict supports_linear(const LinearProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t linear_workspace_bytes(const LinearProblem&, const ExecutionContext&) {
  return 0;
}

void launch_linear(const LinearProblem& problem, const LinearOperands& operands, ExecutionContext&) {
  visit_dtype(problem.dtype, [&]<class T>(std::type_identity<T>) { multiply<T>(problem, operands); });
}

}  // namespace upconv::kernels::cpu::reference
