#pragma once

#include <cmath>

#include <upconv/kernels/activation_kind.h>

/// The elementwise functions as formulas: in double for the reference rows, in float for the GPU. Internal:
/// not installed.
namespace upconv::kernels {

/// The function `kind` of x. NaN passes through every one, as in PyTorch.
template <class Real>
constexpr Real activation_formula(ActivationKind kind, Real x, Real a, [[maybe_unused]] Real b) {
  switch (kind) {
    case ActivationKind::none:
      return x;
    case ActivationKind::relu:
      return x < Real(0) ? Real(0) : x;
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:  // PyTorch's condition: zero times an infinite slope is NaN
      return x > Real(0) ? x : x * a;
    case ActivationKind::sigmoid:
      return Real(1) / (Real(1) + std::exp(-x));
    case ActivationKind::tanh:
      return std::tanh(x);
  }
  return x;
}

}  // namespace upconv::kernels
