#include <cmath>
#include <limits>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/activation_function.h>

namespace upconv::activation_function {

using kernels::ActivationKind;

kernels::Activation celu(std::string_view name, double alpha) {
  if (alpha == 0.0) throw ArgumentError(message(name, ": alpha cannot be 0 for CELU"));
  return {.kind = ActivationKind::elu, .a = static_cast<float>(alpha), .b = static_cast<float>(1.0 / alpha)};
}

kernels::Activation softshrink(std::string_view name, double lambd) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (!(lambd >= 0.0 && lambd <= kLargest)) {
    throw ArgumentError(message(name, ": lambda must be in range [0, ", kLargest, "], but found ", lambd));
  }
  return {.kind = ActivationKind::softshrink, .a = static_cast<float>(lambd)};
}

kernels::Activation rrelu(std::string_view name, double lower, double upper) {
  if (!(lower <= upper)) {
    throw ArgumentError(message(name, ": Lower bound should be less than or equal to the upper bound, got ",
                                lower, " and ", upper));
  }
  return {.kind = ActivationKind::leaky_relu, .a = static_cast<float>((lower + upper) / 2.0)};
}

kernels::Activation clamp(std::string_view name, double min, double max) {
  if (std::isnan(min) || std::isnan(max))
    throw ArgumentError(message(name, ": min and max must be numbers, got ", min, " and ", max));
  return {.kind = ActivationKind::clamp, .a = static_cast<float>(min), .b = static_cast<float>(max)};
}

}  // namespace upconv::activation_function
