#pragma once

#include <optional>

#include <upconv/framework/value.h>
#include <upconv/kernels/epilogue.h>

/// Functions on Values, element by element, with PyTorch's names and defaults. A convolution just before one
/// applies it on the way out. Shape: as x. DType: f32, f16, bf16, computed in f32. NaN stays NaN. Execution:
/// deterministic; in place where the plan allows it. Throws: DTypeError; ArgumentError on impossible options;
/// StateError for a Value of another recording.
namespace upconv {

/// A call of an elementwise function, under a name of its own. What the functions here are made of.
Value pointwise(const char* name, const kernels::Activation& function, const Value& x, SourceLocation where);

/// How gelu computes the normal distribution.
enum class GELUApproximate {
  none,  ///< By the error function.
  tanh,  ///< By a tangent: x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2.
};

/// max(x, 0). Source: torch.nn.functional.relu.
inline Value relu(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("relu", {.kind = kernels::ActivationKind::relu}, x, where);
}
/// min(max(x, 0), 6). Source: torch.nn.functional.relu6.
inline Value relu6(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("relu6", {.kind = kernels::ActivationKind::clamp, .a = 0.0f, .b = 6.0f}, x, where);
}
/// min(max(x, min_val), max_val). Source: torch.nn.functional.hardtanh.
Value hardtanh(const Value& x, double min_val = -1.0, double max_val = 1.0,
               SourceLocation where = SourceLocation::here());
/// min(max(x, min), max); a bound that is nothing is none, but one must be given. Source: torch.clamp.
Value clamp(const Value& x, std::optional<double> min, std::optional<double> max = std::nullopt,
            SourceLocation where = SourceLocation::here());
/// x if x >= 0, else negative_slope * x. Source: torch.nn.functional.leaky_relu.
Value leaky_relu(const Value& x, double negative_slope = 0.01, SourceLocation where = SourceLocation::here());
/// As leaky_relu with the mean of the bounds, which is what it does outside training. Source:
/// torch.nn.functional.rrelu.
Value rrelu(const Value& x, double lower = 1.0 / 8, double upper = 1.0 / 3,
            SourceLocation where = SourceLocation::here());
/// x if x > threshold, else value. Source: torch.nn.functional.threshold.
Value threshold(const Value& x, double threshold, double value,
                SourceLocation where = SourceLocation::here());
/// x if x > 0, else alpha * (exp(x) - 1). Source: torch.nn.functional.elu.
Value elu(const Value& x, double alpha = 1.0, SourceLocation where = SourceLocation::here());
/// x if x > 0, else alpha * (exp(x / alpha) - 1). Source: torch.nn.functional.celu.
Value celu(const Value& x, double alpha = 1.0, SourceLocation where = SourceLocation::here());
/// 1.0507 * elu(x, 1.6733), with more digits. Source: torch.nn.functional.selu.
inline Value selu(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("selu", {.kind = kernels::ActivationKind::selu}, x, where);
}
/// x times the normal distribution of x. Source: torch.nn.functional.gelu.
Value gelu(const Value& x, GELUApproximate approximate = GELUApproximate::none,
           SourceLocation where = SourceLocation::here());
/// x * sigmoid(x). Source: torch.nn.functional.silu.
inline Value silu(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("silu", {.kind = kernels::ActivationKind::silu}, x, where);
}
/// x * tanh(softplus(x)). Source: torch.nn.functional.mish.
inline Value mish(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("mish", {.kind = kernels::ActivationKind::mish}, x, where);
}
/// log(1 + exp(beta * x)) / beta, and x where beta * x > threshold. Source: torch.nn.functional.softplus.
Value softplus(const Value& x, double beta = 1.0, double threshold = 20.0,
               SourceLocation where = SourceLocation::here());
/// x / (1 + |x|). Source: torch.nn.functional.softsign.
inline Value softsign(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("softsign", {.kind = kernels::ActivationKind::softsign}, x, where);
}
/// x * hardsigmoid(x). Source: torch.nn.functional.hardswish.
inline Value hardswish(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("hardswish", {.kind = kernels::ActivationKind::hardswish}, x, where);
}
/// min(max(x + 3, 0), 6) / 6. Source: torch.nn.functional.hardsigmoid.
inline Value hardsigmoid(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("hardsigmoid", {.kind = kernels::ActivationKind::hardsigmoid}, x, where);
}
/// log(sigmoid(x)). Source: torch.nn.functional.logsigmoid.
inline Value logsigmoid(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("logsigmoid", {.kind = kernels::ActivationKind::logsigmoid}, x, where);
}
/// x - tanh(x). Source: torch.nn.functional.tanhshrink.
inline Value tanhshrink(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("tanhshrink", {.kind = kernels::ActivationKind::tanhshrink}, x, where);
}
/// x moved towards zero by lambd, and 0 where it would pass it. Source: torch.nn.functional.softshrink.
Value softshrink(const Value& x, double lambd = 0.5, SourceLocation where = SourceLocation::here());
/// 0 where |x| <= lambd, else x. Source: torch.nn.functional.hardshrink.
Value hardshrink(const Value& x, double lambd = 0.5, SourceLocation where = SourceLocation::here());
/// The first half of x along `dim` times the sigmoid of the second. Throws beside: ShapeError if the size is
/// odd. Source: torch.nn.functional.glu.
Value glu(const Value& x, std::int64_t dim = -1, SourceLocation where = SourceLocation::here());

/// 1 / (1 + exp(-x)). Source: torch.sigmoid.
inline Value sigmoid(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("sigmoid", {.kind = kernels::ActivationKind::sigmoid}, x, where);
}
/// tanh(x). Source: torch.tanh.
inline Value tanh(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("tanh", {.kind = kernels::ActivationKind::tanh}, x, where);
}
/// |x|. Source: torch.abs.
inline Value abs(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("abs", {.kind = kernels::ActivationKind::abs}, x, where);
}
/// exp(x). Source: torch.exp.
inline Value exp(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("exp", {.kind = kernels::ActivationKind::exp}, x, where);
}
/// The natural logarithm. Source: torch.log.
inline Value log(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("log", {.kind = kernels::ActivationKind::log}, x, where);
}
/// The square root. Source: torch.sqrt.
inline Value sqrt(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("sqrt", {.kind = kernels::ActivationKind::sqrt}, x, where);
}
/// 1 / sqrt(x). Source: torch.rsqrt.
inline Value rsqrt(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("rsqrt", {.kind = kernels::ActivationKind::rsqrt}, x, where);
}
/// x * x. Source: torch.square.
inline Value square(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("square", {.kind = kernels::ActivationKind::square}, x, where);
}
/// 1 / x. Source: torch.reciprocal.
inline Value reciprocal(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("reciprocal", {.kind = kernels::ActivationKind::reciprocal}, x, where);
}
/// x^exponent. Roots and small powers are what they are called: pow(x, 0.5) is sqrt(x). Source: torch.pow.
Value pow(const Value& x, double exponent, SourceLocation where = SourceLocation::here());
/// The sine of x radians. Source: torch.sin.
inline Value sin(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("sin", {.kind = kernels::ActivationKind::sin}, x, where);
}
/// The cosine of x radians. Source: torch.cos.
inline Value cos(const Value& x, SourceLocation where = SourceLocation::here()) {
  return pointwise("cos", {.kind = kernels::ActivationKind::cos}, x, where);
}

}  // namespace upconv
