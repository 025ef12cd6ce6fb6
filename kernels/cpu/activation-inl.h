// The elementwise functions, on vectors of f32.
// sigmoid and tanh are within 3 units in the last place of the exact value. NaN stays NaN.
#if defined(UPCONV_KERNELS_CPU_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#undef UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#else
#define UPCONV_KERNELS_CPU_ACTIVATION_INL_H
#endif

#include <hwy/highway.h>

#include <upconv/kernels/activation_kind.h>
#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// exp(x) for x <= 0: 2^k * exp(r) with r in [-ln2/2, ln2/2], a polynomial (Cephes, expf). Below the smallest
/// subnormal it is 0.
HWY_INLINE VF exp_of_negative(VF x) {
  const F32 d;
  const I32 di;
  const VF clamped = hn::Max(x, hn::Set(d, -104.0f));
  const VF k = hn::Round(hn::Mul(clamped, hn::Set(d, 1.44269504088896341f)));
  VF r = hn::NegMulAdd(k, hn::Set(d, 0.693359375f), clamped);
  r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), r);
  VF p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
  // 2^k in two factors, since k reaches down to subnormals.
  const auto exponent = hn::ConvertTo(di, k);
  const auto half = hn::ShiftRight<1>(exponent);
  const auto power = [&](hn::Vec<I32> e)
                         HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(e, hn::Set(di, 127)))); };
  return hn::Mul(hn::Mul(p, power(half)), power(hn::Sub(exponent, half)));
}

HWY_INLINE VF sigmoid(VF x) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f);
  const VF e = exp_of_negative(hn::Neg(hn::Abs(x)));
  const VF numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one);
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Div(numerator, hn::Add(one, e)));
}

HWY_INLINE VF tanh(VF x) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f);
  const VF a = hn::Abs(x);
  const VF e = exp_of_negative(hn::Mul(a, hn::Set(d, -2.0f)));
  const VF large = hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
  const VF z = hn::Mul(x, x);  // small: a polynomial (Cephes, tanhf), where 1 - e would cancel
  VF p = hn::Set(d, -5.70498872745e-3f);
  p = hn::MulAdd(p, z, hn::Set(d, 2.06390887954e-2f));
  p = hn::MulAdd(p, z, hn::Set(d, -5.37397155531e-2f));
  p = hn::MulAdd(p, z, hn::Set(d, 1.33314422036e-1f));
  p = hn::MulAdd(p, z, hn::Set(d, -3.33332819422e-1f));
  const VF small = hn::MulAdd(hn::Mul(p, z), x, x);
  const VF value = hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625f)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), x, value);
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
  }
  return x;
}

/// Calls body.template operator()<kind>() for the kind at run time: the loops inside have no branch. prelu is
/// leaky_relu with another slope.
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
    case ActivationKind::none:
      return body.template operator()<ActivationKind::none>();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
