#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace upconv::kernels {

/// The elementwise functions of one number that layers, functions and epilogues apply. Their formulas stand
/// in activation_formula.h; `a` and `b` are their parameters.
enum class ActivationKind : std::uint8_t {
  none,        ///< x
  relu,        ///< max(x, 0)
  leaky_relu,  ///< x if x > 0, else a * x
  prelu,       ///< the same with slopes, one for all or one for each channel, in a's place
  sigmoid,     ///< 1 / (1 + exp(-x))
  tanh,        ///< tanh(x)
};

/// Every function with its name.
inline constexpr auto kActivationNames = std::to_array<std::pair<ActivationKind, std::string_view>>({
    {ActivationKind::none, "none"},
    {ActivationKind::relu, "relu"},
    {ActivationKind::leaky_relu, "leaky_relu"},
    {ActivationKind::prelu, "prelu"},
    {ActivationKind::sigmoid, "sigmoid"},
    {ActivationKind::tanh, "tanh"},
});

}  // namespace upconv::kernels
