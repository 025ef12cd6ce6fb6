// The elementwise functions, on vectors of f32. The largest error over all x, in units in the last place of
// the exact value, is 3; of silu and mish 3.2, softplus and tanhshrink 3.8, gelu 4.8. NaN stays NaN. The few
// that are short or frequent are compiled into every loop; the others are called for a run, by activate_run,
// which is compiled once.
#if defined(UPCONV_KERNELS_CPU_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#undef UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#else
#define UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#endif

#include <hwy/highway.h>

#include <upconv/kernels/activation_kind.h>
#include <upconv/kernels/cpu/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE VF constant(float value) {
  return hn::Set(F32(), value);
}

/// y, but NaN where x is minus infinity or NaN: what PyTorch's products of infinity and zero give.
HWY_INLINE VF nan_at_minus_infinity(VF x, VF y) {
  return hn::IfThenElse(hn::Ge(x, constant(std::numeric_limits<float>::lowest())), y,
                        constant(std::numeric_limits<float>::quiet_NaN()));
}

HWY_INLINE VF sigmoid(VF x) {
  const VF one = constant(1.0f);
  const VF e = exp_of_negative(hn::Neg(hn::Abs(x)));
  const VF numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(F32())), e, one);
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Div(numerator, hn::Add(one, e)));
}

HWY_INLINE VF tanh(VF x) {
  const VF one = constant(1.0f);
  const VF a = hn::Abs(x);
  const VF e = exp_of_negative(hn::Mul(a, constant(-2.0f)));
  const VF large = hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
  const VF z = hn::Mul(x, x);  // small: a polynomial (Cephes, tanhf), where 1 - e would cancel
  constexpr float kCoefficients[] = {-3.33332819422e-1f, 1.33314422036e-1f, -5.37397155531e-2f,
                                     2.06390887954e-2f, -5.70498872745e-3f};
  const VF small = hn::MulAdd(hn::Mul(polynomial(z, kCoefficients), z), x, x);
  const VF value = hn::IfThenElse(hn::Lt(a, constant(0.625f)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), x, value);
}

/// x * sigmoid(t + low), where t has x's sign; `e` is exp(-|t + low|).
HWY_INLINE VF gated(VF x, const Exponential& e) {
  const auto negative = hn::Lt(x, hn::Zero(F32()));
  const VF bounded = hn::Max(x, constant(kLowestExponent));
  const VF numerator = hn::IfThenElse(negative, hn::Mul(bounded, e.mantissa), x);
  const VF quotient = hn::Div(numerator, hn::Add(constant(1.0f), e.value()));
  return nan_at_minus_infinity(x, hn::IfThenElse(negative, e.scale(quotient), quotient));
}

HWY_INLINE VF silu(VF x) {
  return gated(x, exponential_of_negative(hn::Neg(hn::Abs(x))));
}

/// The argument of tanh, twice, is an exponential's: in double, for an error in it is one in the result.
HWY_INLINE VF gelu_tanh(VF x) {
  const F64 wide;
  const auto minus_twice = [&](VD value) HWY_ATTR {  // -|2 u|
    const VD factor = hn::MulAdd(hn::Mul(value, value), hn::Set(wide, 0.071354816272600269785),
                                 hn::Set(wide, 1.5957691216057307117));
    return hn::Max(hn::Neg(hn::Mul(hn::Abs(value), factor)),
                   hn::Set(wide, static_cast<double>(kLowestExponent)));
  };
  const Wide argument = each_half(minus_twice, widen(x));
  const VF high = narrow(argument);
  const auto difference = [](VD left, VD right) HWY_ATTR { return hn::Sub(left, right); };
  return gated(x, exponential(high, narrow(each_half(difference, argument, widen(high)))));
}

/// x * Phi(x), with Phi(-t) = r(t) * exp(-t^2 / 2). The square is exact in two parts: an error in it is one
/// in the result.
HWY_INLINE VF gelu(VF x) {
  const F32 d;
  const auto negative = hn::Lt(x, hn::Zero(d));
  const VF t = hn::Min(hn::Abs(x), constant(14.5f));
  const VF high = hn::And(t, hn::BitCast(d, hn::Set(U32(), 0xfffff000u)));
  const VF minus_half = constant(-0.5f);
  const VF low = hn::Mul(hn::Mul(hn::Sub(t, high), hn::Add(t, high)), minus_half);
  const Exponential e = exponential(hn::Mul(hn::Mul(high, high), minus_half), low);
  const VF tail = hn::Mul(scaled_normal_tail(t), e.mantissa);
  const VF scaled = e.scale(hn::IfThenElse(negative, hn::Mul(hn::Neg(t), tail), tail));
  const VF positive = hn::Mul(x, hn::Sub(constant(1.0f), scaled));
  return nan_at_minus_infinity(x, hn::IfThenElse(negative, scaled, positive));
}

/// See mish_formula. The side for x > 0 is the more exact one as far as -0.25.
HWY_INLINE VF mish(VF x) {
  const VF one = constant(1.0f), two = constant(2.0f);
  const auto negative = hn::Lt(x, constant(-0.25f));
  const VF bounded = hn::Max(x, constant(kLowestExponent));
  const Exponential exponential =
      exponential_of_negative(hn::IfThenElse(negative, bounded, hn::Neg(bounded)));
  const VF e = exponential.value(), square = hn::Mul(e, e), doubled = hn::Add(e, e);
  const VF other = hn::IfThenElse(negative, square, hn::Add(square, square));
  const VF denominator = hn::Add(hn::Add(other, doubled), hn::IfThenElse(negative, two, one));
  const VF left = hn::Div(hn::IfThenElse(negative, hn::Add(square, e), other), denominator);
  const VF factor = hn::Mul(bounded, hn::IfThenElse(negative, exponential.mantissa, one));
  const VF y = hn::Mul(factor, hn::Sub(one, left));
  return nan_at_minus_infinity(x, hn::IfThenElse(negative, exponential.scale(y), y));
}

/// log(1 + exp(t + low)) / beta.
HWY_INLINE VF softplus(VF t, VF low, VF beta) {
  const F32 d;
  const auto positive = hn::Gt(t, hn::Zero(d));
  const VF down = hn::Neg(hn::Abs(t));
  const auto matters = hn::Gt(down, constant(kLowestExponent));
  const VF sign_of_low = hn::IfThenElse(positive, hn::Neg(low), low);
  const Exponential e = exponential(hn::IfThenElse(matters, down, constant(kLowestExponent)),
                                    hn::IfThenElseZero(matters, sign_of_low));
  const VF tail = log1p_mantissa(e);
  const VF above = hn::Div(hn::Add(e.scale(tail), t), beta);
  const VF below = e.scale(hn::Div(tail, beta));
  return hn::IfThenElse(hn::IsNaN(t), t, hn::IfThenElse(positive, above, below));
}

/// See tanhshrink_formula. The quotient of the convergent is 1/3 less a small one here.
HWY_INLINE VF tanhshrink(VF x) {
  const VF one = constant(1.0f), magnitude = hn::Abs(x), z = hn::Mul(x, x);
  constexpr float kNumerator[] = {1386.0f, 69.0f, 1.0f / 3.0f};
  constexpr float kDenominator[] = {10395.0f, 4725.0f, 210.0f, 1.0f};
  const VF less = hn::Mul(z, hn::Div(polynomial(z, kNumerator), polynomial(z, kDenominator)));
  const VF small = hn::Mul(hn::Mul(x, z), hn::Sub(constant(1.0f / 3.0f), less));
  const VF e = exp_of_negative(hn::Mul(magnitude, constant(-2.0f)));
  const VF large = hn::Add(hn::Sub(magnitude, one), hn::Div(hn::Add(e, e), hn::Add(one, e)));
  const VF value = hn::IfThenElse(hn::Le(magnitude, one), small, hn::CopySign(large, x));
  return hn::IfThenElse(hn::IsNaN(x), x, value);
}

/// min(max(x, low), high), which a NaN passes.
HWY_INLINE VF clamp(VF x, VF low, VF high) {
  const VF raised = hn::IfThenElse(hn::Lt(x, low), low, x);
  return hn::IfThenElse(hn::Gt(raised, high), high, raised);
}

HWY_INLINE VF hardsigmoid(VF x) {
  const VF six = constant(6.0f);
  return hn::Mul(clamp(hn::Add(x, constant(3.0f)), hn::Zero(F32()), six), constant(1.0f / 6.0f));
}

/// The function of x, with the parameters a and b.
template <ActivationKind kKind>
HWY_INLINE VF activate(VF x, VF a, [[maybe_unused]] VF b) {
  const VF zero = hn::Zero(F32());
  switch (kKind) {
    case ActivationKind::none:
      return x;
    case ActivationKind::relu:
      return hn::IfThenElse(hn::Lt(x, zero), zero, x);
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:  // PyTorch's condition: zero times an infinite slope is NaN
      return hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(x, a));
    case ActivationKind::sigmoid:
      return sigmoid(x);
    case ActivationKind::tanh:
      return tanh(x);
    case ActivationKind::silu:
      return silu(x);
    case ActivationKind::clamp:
      return clamp(x, a, b);
    case ActivationKind::elu:
      return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(a, expm1(hn::Mul(x, b))), x);
    case ActivationKind::selu: {
      const VF below = hn::Mul(constant(static_cast<float>(kSeluScale * kSeluAlpha)), expm1(x));
      return hn::IfThenElse(hn::Lt(x, zero), below, hn::Mul(constant(static_cast<float>(kSeluScale)), x));
    }
    case ActivationKind::gelu:
      return gelu(x);
    case ActivationKind::gelu_tanh:
      return gelu_tanh(x);
    case ActivationKind::mish:
      return mish(x);
    case ActivationKind::softplus: {
      const VF t = hn::Mul(x, a);
      return hn::IfThenElse(hn::Gt(t, b), x, softplus(t, product_error(x, a, t), a));
    }
    case ActivationKind::softsign:
      return hn::Div(x, hn::Add(constant(1.0f), hn::Abs(x)));
    case ActivationKind::hardswish:
      return hn::Mul(x, hardsigmoid(x));
    case ActivationKind::hardsigmoid:
      return hardsigmoid(x);
    case ActivationKind::logsigmoid:
      return hn::Neg(softplus(hn::Neg(x), zero, constant(1.0f)));
    case ActivationKind::tanhshrink:
      return tanhshrink(x);
    case ActivationKind::softshrink: {
      const VF inside = hn::IfThenElse(hn::IsNaN(x), x, zero);
      const VF below = hn::IfThenElse(hn::Lt(x, hn::Neg(a)), hn::Add(x, a), inside);
      return hn::IfThenElse(hn::Gt(x, a), hn::Sub(x, a), below);
    }
    case ActivationKind::hardshrink:
      return hn::IfThenElse(hn::And(hn::Ge(x, hn::Neg(a)), hn::Le(x, a)), zero, x);
    case ActivationKind::threshold:
      return hn::IfThenElse(hn::Le(x, a), b, x);
    case ActivationKind::abs:
      return hn::Abs(x);
    case ActivationKind::exp:
      return exp(x);
    case ActivationKind::log:
      return log(x);
    case ActivationKind::sqrt:
      return hn::Sqrt(x);
    case ActivationKind::rsqrt:
      return hn::Div(constant(1.0f), hn::Sqrt(x));
    case ActivationKind::square:
      return hn::Mul(x, x);
    case ActivationKind::reciprocal:
      return hn::Div(constant(1.0f), x);
    case ActivationKind::pow:
      return pow(x, a);
    case ActivationKind::sin:
      return sine<false>(x);
    case ActivationKind::cos:
      return sine<true>(x);
  }
  return x;
}

/// Functions that a result passes on its way to memory.
constexpr bool rides_inline(ActivationKind kind) {
  return kind <= ActivationKind::clamp;
}

/// y[i] = f(x[i] * scale + shift) for i < count, for any kind; y may be x.
void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const float* x,
                  std::int64_t count, float* y);
void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const Float16* x,
                  std::int64_t count, Float16* y);
void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const BFloat16* x,
                  std::int64_t count, BFloat16* y);

/// Calls body.template operator()<kind>() for a kind that rides inline, known at run time: the loops inside
/// have no branch. prelu is leaky_relu with another slope. For other kinds, the body of none.
template <class Body>
HWY_INLINE void with_activation(ActivationKind kind, const Body& body) {
  switch (kind) {
    case ActivationKind::relu:
      return body.template operator()<ActivationKind::relu>();
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:
      return body.template operator()<ActivationKind::leaky_relu>();
    case ActivationKind::sigmoid:
      return body.template operator()<ActivationKind::sigmoid>();
    case ActivationKind::tanh:
      return body.template operator()<ActivationKind::tanh>();
    case ActivationKind::silu:
      return body.template operator()<ActivationKind::silu>();
    case ActivationKind::clamp:
      return body.template operator()<ActivationKind::clamp>();
    default:
      return body.template operator()<ActivationKind::none>();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
