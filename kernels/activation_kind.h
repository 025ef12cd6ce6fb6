#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace upconv::kernels {

/// The elementwise functions of one number that layers, functions and epilogues apply. Their formulas stand
/// in activation_formula.h; `a` and `b` are their parameters.
enum class ActivationKind : std::uint8_t {
  none,         ///< x
  relu,         ///< max(x, 0)
  leaky_relu,   ///< x if x > 0, else a * x
  prelu,        ///< the same with slopes, one for all or one for each channel, in a's place
  sigmoid,      ///< 1 / (1 + exp(-x))
  tanh,         ///< tanh(x)
  silu,         ///< x * sigmoid(x)
  clamp,        ///< min(max(x, a), b); bounds may be infinite
  elu,          ///< x if x >= 0, else a * (exp(b * x) - 1)
  selu,         ///< elu with the two constants of torch.nn.SELU
  gelu,         ///< x * (1 + erf(x / sqrt(2))) / 2
  gelu_tanh,    ///< x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
  mish,         ///< x * tanh(log(1 + exp(x)))
  softplus,     ///< log(1 + exp(a * x)) / a, or x where a * x > b
  softsign,     ///< x / (1 + |x|)
  hardswish,    ///< x * hardsigmoid(x)
  hardsigmoid,  ///< min(max(x + 3, 0), 6) / 6
  logsigmoid,   ///< -log(1 + exp(-x))
  tanhshrink,   ///< x - tanh(x)
  softshrink,   ///< x - a if x > a, x + a if x < -a, else 0
  hardshrink,   ///< 0 if -a <= x <= a, else x
  threshold,    ///< x if x > a, else b
  abs,          ///< |x|
  exp,          ///< exp(x)
  log,          ///< the natural logarithm
  sqrt,         ///< the square root
  rsqrt,        ///< 1 / sqrt(x)
  square,       ///< x * x
  reciprocal,   ///< 1 / x
  pow,          ///< x^a
  sin,          ///< the sine of x radians
  cos,          ///< the cosine of x radians
};

/// Every function with its name, in the order of the enumerators.
inline constexpr auto kActivationNames = std::to_array<std::pair<ActivationKind, std::string_view>>({
    {ActivationKind::none, "none"},
    {ActivationKind::relu, "relu"},
    {ActivationKind::leaky_relu, "leaky_relu"},
    {ActivationKind::prelu, "prelu"},
    {ActivationKind::sigmoid, "sigmoid"},
    {ActivationKind::tanh, "tanh"},
    {ActivationKind::silu, "silu"},
    {ActivationKind::clamp, "clamp"},
    {ActivationKind::elu, "elu"},
    {ActivationKind::selu, "selu"},
    {ActivationKind::gelu, "gelu"},
    {ActivationKind::gelu_tanh, "gelu_tanh"},
    {ActivationKind::mish, "mish"},
    {ActivationKind::softplus, "softplus"},
    {ActivationKind::softsign, "softsign"},
    {ActivationKind::hardswish, "hardswish"},
    {ActivationKind::hardsigmoid, "hardsigmoid"},
    {ActivationKind::logsigmoid, "logsigmoid"},
    {ActivationKind::tanhshrink, "tanhshrink"},
    {ActivationKind::softshrink, "softshrink"},
    {ActivationKind::hardshrink, "hardshrink"},
    {ActivationKind::threshold, "threshold"},
    {ActivationKind::abs, "abs"},
    {ActivationKind::exp, "exp"},
    {ActivationKind::log, "log"},
    {ActivationKind::sqrt, "sqrt"},
    {ActivationKind::rsqrt, "rsqrt"},
    {ActivationKind::square, "square"},
    {ActivationKind::reciprocal, "reciprocal"},
    {ActivationKind::pow, "pow"},
    {ActivationKind::sin, "sin"},
    {ActivationKind::cos, "cos"},
});

/// True if the names stand in the order of the enumerators, which then are their indices.
constexpr bool activations_are_in_order() {
  for (std::size_t i = 0; i < kActivationNames.size(); ++i) {
    if (static_cast<std::size_t>(kActivationNames[i].first) != i) return false;
  }
  return true;
}
static_assert(activations_are_in_order());

/// The constants of torch.nn.SELU: scale * elu(x, alpha).
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;  ///< See kSeluAlpha.

}  // namespace upconv::kernels
