#include <limits>
#include <memory>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/layers/activation_function.h>
#include <upconv/layers/arithmetic.h>
#include <upconv/layers/movement.h>
#include <upconv/layers/pointwise.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

using kernels::ActivationKind;

Value pointwise(const char* name, const kernels::Activation& function, const Value& x, SourceLocation where) {
  Ladder ladder;
  static_cast<void>(ladder.add(function));  // an empty ladder takes every rung
  return Recording::call(std::make_shared<PointwiseOperation>(name, std::move(ladder)), {&x, 1}, where);
}

Value hardtanh(const Value& x, double min_val, double max_val, SourceLocation where) {
  if (min_val > max_val) throw ArgumentError("hardtanh: min_val cannot be greater than max_val");
  return pointwise("hardtanh", activation_function::clamp("hardtanh", min_val, max_val), x, where);
}

Value clamp(const Value& x, std::optional<double> min, std::optional<double> max, SourceLocation where) {
  if (!min && !max) throw ArgumentError("clamp: At least one of 'min' or 'max' must not be None");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return pointwise("clamp",
                   activation_function::clamp("clamp", min.value_or(-kInfinity), max.value_or(kInfinity)), x,
                   where);
}

Value leaky_relu(const Value& x, double negative_slope, SourceLocation where) {
  return pointwise("leaky_relu",
                   {.kind = ActivationKind::leaky_relu, .a = static_cast<float>(negative_slope)}, x, where);
}

Value rrelu(const Value& x, double lower, double upper, SourceLocation where) {
  return pointwise("rrelu", activation_function::rrelu("rrelu", lower, upper), x, where);
}

Value threshold(const Value& x, double threshold, double value, SourceLocation where) {
  return pointwise(
      "threshold",
      {.kind = ActivationKind::threshold, .a = static_cast<float>(threshold), .b = static_cast<float>(value)},
      x, where);
}

Value elu(const Value& x, double alpha, SourceLocation where) {
  return pointwise("elu", {.kind = ActivationKind::elu, .a = static_cast<float>(alpha), .b = 1.0f}, x, where);
}

Value celu(const Value& x, double alpha, SourceLocation where) {
  return pointwise("celu", activation_function::celu("celu", alpha), x, where);
}

Value gelu(const Value& x, GELUApproximate approximate, SourceLocation where) {
  const bool tanh = approximate == GELUApproximate::tanh;
  return pointwise("gelu", {.kind = tanh ? ActivationKind::gelu_tanh : ActivationKind::gelu}, x, where);
}

Value softplus(const Value& x, double beta, double threshold, SourceLocation where) {
  return pointwise(
      "softplus",
      {.kind = ActivationKind::softplus, .a = static_cast<float>(beta), .b = static_cast<float>(threshold)},
      x, where);
}

Value softshrink(const Value& x, double lambd, SourceLocation where) {
  return pointwise("softshrink", activation_function::softshrink("softshrink", lambd), x, where);
}

Value hardshrink(const Value& x, double lambd, SourceLocation where) {
  return pointwise("hardshrink", {.kind = ActivationKind::hardshrink, .a = static_cast<float>(lambd)}, x,
                   where);
}

Value glu(const Value& x, std::int64_t dim, SourceLocation where) {
  const int rank = x.shape().rank();
  if (rank == 0) throw ShapeError("glu does not support scalars because halving size must be even");
  if (dim < -rank || dim >= rank) {
    throw ShapeError(message("glu: Dimension out of range (expected to be in range of [", -rank, ", ",
                             rank - 1, "], but got ", dim, ')'));
  }
  const int at = static_cast<int>(dim < 0 ? dim + rank : dim);
  const std::int64_t size = x.shape()[at];
  if (size % 2 != 0) {
    throw ShapeError(message("glu: Halving dimension must be even, but dimension ", at, " is size ", size));
  }
  const Value values = narrow(x, at, 0, size / 2, where), gate = narrow(x, at, size / 2, size / 2, where);
  return Operand(values, where) * Operand(sigmoid(gate, where), where);
}

Value pow(const Value& x, double exponent, SourceLocation where) {
  ActivationKind kind = ActivationKind::pow;
  if (exponent == 0.5) kind = ActivationKind::sqrt;
  if (exponent == 1.0) kind = ActivationKind::none;
  if (exponent == 2.0) kind = ActivationKind::square;
  if (exponent == -0.5) kind = ActivationKind::rsqrt;
  if (exponent == -1.0) kind = ActivationKind::reciprocal;
  return pointwise("pow", {.kind = kind, .a = static_cast<float>(exponent)}, x, where);
}

}  // namespace upconv
