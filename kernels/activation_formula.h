#pragma once

#include <cmath>

#include <upconv/kernels/activation_kind.h>

/// The elementwise functions as formulas: in double for the reference rows, in float for the GPU. They are
/// written so that nothing cancels: what PyTorch computes as x - tanh(x) is a quotient here. Internal: not
/// installed.
namespace upconv::kernels {

/// log(1 + exp(x)), whose exponential cannot overflow.
template <class Real>
constexpr Real softplus_formula(Real x) {
  const Real tail = std::log1p(std::exp(-std::fabs(x)));
  return x > Real(0) ? x + tail : tail;
}

/// x * tanh(log(1 + exp(x))) = x * n / (n + 2) with n = e * (e + 2) and e = exp(x). What is left to one is
/// small on both sides: n / (n + 2) = e * (1 - e * (e + 1) / (n + 2)), or 1 - 2 / (n + 2).
template <class Real>
constexpr Real mish_formula(Real x) {
  const Real e = std::exp(-std::fabs(x)), square = e * e;
  if (x < Real(0)) return x * e * (Real(1) - (square + e) / (square + Real(2) * e + Real(2)));
  return x * (Real(1) - Real(2) * square / (Real(2) * square + Real(2) * e + Real(1)));
}

/// x - tanh(x). Near zero a convergent of the continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), which
/// is exact to 2^-28 for |x| <= 1, has no difference in it.
template <class Real>
constexpr Real tanhshrink_formula(Real x) {
  const Real magnitude = std::fabs(x), z = x * x;
  if (magnitude <= Real(1)) {
    const Real numerator = (z + Real(189)) * z + Real(3465);
    return x * z * numerator / (((z + Real(210)) * z + Real(4725)) * z + Real(10395));
  }
  const Real e = std::exp(Real(-2) * magnitude);
  const Real value = (magnitude - Real(1)) + Real(2) * e / (Real(1) + e);
  return x < Real(0) ? -value : value;
}

/// x^a. A cube is a product, as in PyTorch; the other exponents that it treats apart are functions of their
/// own.
template <class Real>
constexpr Real pow_formula(Real x, Real a) {
  return a == Real(3) ? x * x * x : std::pow(x, a);
}

/// The function `kind` of x. NaN passes through every one, as in PyTorch, but for pow(x, 0) = 1.
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
    case ActivationKind::silu: {
      const Real e = std::exp(-std::fabs(x));
      return (x < Real(0) ? x * e : x) / (Real(1) + e);
    }
    case ActivationKind::clamp: {
      const Real raised = x < a ? a : x;
      return raised > b ? b : raised;
    }
    case ActivationKind::elu:
      return x < Real(0) ? a * std::expm1(x * b) : x;
    case ActivationKind::selu:
      return x < Real(0) ? Real(kSeluScale * kSeluAlpha) * std::expm1(x) : Real(kSeluScale) * x;
    case ActivationKind::gelu:
      return x * (std::erfc(x * Real(-0.70710678118654752440)) * Real(0.5));
    case ActivationKind::gelu_tanh: {  // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 * u))
      const Real twice = x * (Real(1.5957691216057307117) + Real(0.071354816272600269785) * (x * x));
      const Real e = std::exp(-std::fabs(twice));
      return (x < Real(0) ? x * e : x) / (Real(1) + e);
    }
    case ActivationKind::mish:
      return mish_formula(x);
    case ActivationKind::softplus:
      return x * a > b ? x : softplus_formula(x * a) / a;
    case ActivationKind::softsign:
      return x / (Real(1) + std::fabs(x));
    case ActivationKind::hardswish:
      return x * (activation_formula(ActivationKind::clamp, x + Real(3), Real(0), Real(6)) / Real(6));
    case ActivationKind::hardsigmoid:
      return activation_formula(ActivationKind::clamp, x + Real(3), Real(0), Real(6)) / Real(6);
    case ActivationKind::logsigmoid:
      return -softplus_formula(-x);
    case ActivationKind::tanhshrink:
      return tanhshrink_formula(x);
    case ActivationKind::softshrink:
      return x > a ? x - a : x < -a ? x + a : x != x ? x : Real(0);
    case ActivationKind::hardshrink:
      return x >= -a && x <= a ? Real(0) : x;
    case ActivationKind::threshold:
      return x <= a ? b : x;
    case ActivationKind::abs:
      return std::fabs(x);
    case ActivationKind::exp:
      return std::exp(x);
    case ActivationKind::log:
      return std::log(x);
    case ActivationKind::sqrt:
      return std::sqrt(x);
    case ActivationKind::rsqrt:
      return Real(1) / std::sqrt(x);
    case ActivationKind::square:
      return x * x;
    case ActivationKind::reciprocal:
      return Real(1) / x;
    case ActivationKind::pow:
      return pow_formula(x, a);
    case ActivationKind::sin:
      return std::sin(x);
    case ActivationKind::cos:
      return std::cos(x);
  }
  return x;
}

}  // namespace upconv::kernels
