// Elementary functions on vectors of f32, with which the activations are made. Each is within 2 units in the
// last place of the exact value; polynomials were fitted to the relative error that they state. A result that
// is nearly zero because of an exponential is scaled last, so that subnormal results are rounded once.
#if defined(UPCONV_KERNELS_CPU_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_MATH_INL_H
#undef UPCONV_KERNELS_CPU_MATH_INL_H
#else
#define UPCONV_KERNELS_CPU_MATH_INL_H
#endif

#include <cmath>
#include <limits>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

using VI = hn::Vec<I32>;

/// coefficients[kFirst] + x * (coefficients[kFirst + 1] + x * ...).
template <std::size_t kFirst = 0, class V, class T, std::size_t kCount>
HWY_INLINE V polynomial(V x, const T (&coefficients)[kCount]) {
  const V first = hn::Set(hn::DFromV<V>(), coefficients[kFirst]);
  if constexpr (kFirst + 1 == kCount) {
    return first;
  } else {
    return hn::MulAdd(polynomial<kFirst + 1>(x, coefficients), x, first);
  }
}

// A vector in double is two vectors, or one where vectors have one element.
#if HWY_TARGET == HWY_SCALAR
using F64 = hn::Rebind<double, F32>;
using VD = hn::Vec<F64>;
struct Wide {
  VD lower;
};

HWY_INLINE Wide widen(VF x) {
  return {hn::PromoteTo(F64(), x)};
}
HWY_INLINE VF narrow(Wide x) {  // DemoteTo would make the largest float of an infinity
  return hn::Set(F32(), static_cast<float>(hn::GetLane(x.lower)));
}
/// f of both halves.
template <class Fn, class... Operands>
HWY_INLINE Wide each_half(const Fn& f, const Operands&... x) {
  return {f(x.lower...)};
}
#else
using F64 = hn::RepartitionToWide<F32>;
using VD = hn::Vec<F64>;
struct Wide {
  VD lower, upper;
};

HWY_INLINE Wide widen(VF x) {
  const hn::Half<F32> half;
  return {hn::PromoteTo(F64(), hn::LowerHalf(half, x)), hn::PromoteTo(F64(), hn::UpperHalf(half, x))};
}
HWY_INLINE hn::Vec<hn::Half<F32>> narrow_half(VD x) {
  const hn::Half<F32> half;
#if HWY_TARGET == HWY_EMU128  // whose DemoteTo would make the largest float of an infinity
  HWY_ALIGN double wide[hn::MaxLanes(F64())];
  HWY_ALIGN float values[hn::MaxLanes(half)];
  hn::Store(x, F64(), wide);
  for (std::size_t i = 0; i < hn::MaxLanes(half); ++i)
    values[i] = static_cast<float>(wide[i]);
  return hn::Load(half, values);
#else
  return hn::DemoteTo(half, x);
#endif
}
HWY_INLINE VF narrow(Wide x) {
  return hn::Combine(F32(), narrow_half(x.upper), narrow_half(x.lower));
}
/// f of both halves.
template <class Fn, class... Operands>
HWY_INLINE Wide each_half(const Fn& f, const Operands&... x) {
  return {f(x.lower...), f(x.upper...)};
}
#endif

/// f of each element, by the C library: for what is rare.
template <class Fn>
HWY_NOINLINE VF one_by_one(VF x, const Fn& f) {
  HWY_ALIGN float values[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(x, F32(), values);
  for (std::size_t i = 0; i < lanes(); ++i)
    values[i] = static_cast<float>(f(static_cast<double>(values[i])));
  return hn::Load(F32(), values);
}

/// What a * b lost when it was rounded to `product`.
HWY_INLINE VF product_error(VF a, VF b, VF product) {
#if HWY_NATIVE_FMA
  return hn::MulSub(a, b, product);
#else  // Dekker: halves of 12 bits, whose products are exact
  const F32 d;
  const VF mask = hn::BitCast(d, hn::Set(U32(), 0xfffff000u));
  const VF a_high = hn::And(a, mask), b_high = hn::And(b, mask);
  const VF a_low = hn::Sub(a, a_high), b_low = hn::Sub(b, b_high);
  const VF rest = hn::Sub(hn::Mul(a_high, b_high), product);
  const VF cross = hn::Add(hn::Mul(a_high, b_low), hn::Mul(a_low, b_high));
  return hn::Add(hn::Add(rest, cross), hn::Mul(a_low, b_low));
#endif
}

/// (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, to 2.7e-9.
HWY_INLINE VF exp_polynomial(VF r) {
  constexpr float kCoefficients[] = {0.500000001345f,   0.166666664939f,   0.0416664647333f,
                                     0.00833337332388f, 0.00139336913395f, 0.0001984953874f};
  return polynomial(r, kCoefficients);
}

/// 2^exponent, for exponents of normal numbers.
HWY_INLINE VF power_of_two(VI exponent) {
  return hn::BitCast(F32(), hn::ShiftLeft<23>(hn::Add(exponent, hn::Set(I32(), 127))));
}

/// An exponential as mantissa * 2^k.
#if HWY_TARGET == HWY_AVX3  // one instruction multiplies by 2^k, whatever k is
struct Exponential {
  VF mantissa, k;

  HWY_INLINE Exponential(VF m, VF exponent) : mantissa(m), k(exponent) {}
  /// v * 2^k
  HWY_INLINE VF scale(VF v) const { return VF{_mm512_scalef_ps(v.raw, k.raw)}; }
  HWY_INLINE VF value() const { return scale(mantissa); }
};
#else  // 2^k is two factors, since k reaches beyond normal numbers
struct Exponential {
  VF mantissa, power, other_power;

  HWY_INLINE Exponential(VF m, VF k) : mantissa(m) {
    const VI exponent = hn::ConvertTo(I32(), k);
    const VI half = hn::ShiftRight<1>(exponent);
    power = power_of_two(half);
    other_power = power_of_two(hn::Sub(exponent, half));
  }
  HWY_INLINE VF scale(VF v) const { return hn::Mul(hn::Mul(v, power), other_power); }
  HWY_INLINE VF value() const { return scale(mantissa); }
};
#endif

constexpr float kLowestExponent = -160.0f;  // exp of it, times any factor of use, is 0

/// exp(x + low) for kLowestExponent <= x <= 89, where |low| is a rounding error of x.
HWY_INLINE Exponential exponential(VF x, VF low) {
  const F32 d;
  const VF k = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
  VF r = hn::Add(hn::NegMulAdd(k, hn::Set(d, 0.693359375f), x), low);
  r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), r);
  const VF mantissa = hn::Add(hn::MulAdd(exp_polynomial(r), hn::Mul(r, r), r), hn::Set(d, 1.0f));
  return {mantissa, k};
}

/// exp(x) for x <= 0, as parts and as a number. Below the smallest subnormal it is 0.
HWY_INLINE Exponential exponential_of_negative(VF x) {
  return exponential(hn::Max(x, hn::Set(F32(), kLowestExponent)), hn::Zero(F32()));
}
HWY_INLINE VF exp_of_negative(VF x) {
  return exponential_of_negative(x).value();
}

HWY_INLINE VF exp(VF x) {
  const F32 d;
  const VF bounded = hn::Min(hn::Max(x, hn::Set(d, kLowestExponent)), hn::Set(d, 89.0f));
  return hn::IfThenElse(hn::IsNaN(x), x, exponential(bounded, hn::Zero(d)).value());
}

/// exp(x) - 1 = small * 2^k + (2^k - 1), of which the difference is exact for all k that matter. Computed as
/// twice the half, whose powers do not overflow.
HWY_INLINE VF expm1(VF x) {
  const F32 d;
  const VF bounded = hn::Min(hn::Max(x, hn::Set(d, -30.0f)), hn::Set(d, 89.0f));
  const VF k = hn::Round(hn::Mul(bounded, hn::Set(d, 1.44269504088896341f)));
  VF r = hn::NegMulAdd(k, hn::Set(d, 0.693359375f), bounded);
  r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), r);
  const VF small = hn::MulAdd(exp_polynomial(r), hn::Mul(r, r), r);
  const VF power = power_of_two(hn::Sub(hn::ConvertTo(I32(), k), hn::Set(I32(), 1)));
  const VF half = hn::MulAdd(small, power, hn::Sub(power, hn::Set(d, 0.5f)));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Add(half, half));
}

/// log(1 + e) for 0 <= e <= 1, as a mantissa of e's power of two: 2 * atanh(e / (2 + e)), to 4e-10.
HWY_INLINE VF log1p_mantissa(const Exponential& e) {
  constexpr float kCoefficients[] = {0.333333336575f, 0.199998526597f, 0.142962141979f, 0.108527010026f,
                                     0.11615012063f};
  const VF s_mantissa = hn::Div(e.mantissa, hn::Add(hn::Set(F32(), 2.0f), e.value()));
  const VF s = e.scale(s_mantissa), z = hn::Mul(s, s), doubled = hn::Add(s_mantissa, s_mantissa);
  return hn::MulAdd(doubled, hn::Mul(polynomial(z, kCoefficients), z), doubled);
}

/// The natural logarithm (Cephes, logf).
HWY_INLINE VF log(VF x) {
  const F32 d;
  const I32 di;
  const auto subnormal = hn::Lt(x, hn::Set(d, std::numeric_limits<float>::min()));
  const VF normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, 0x1p24f)), x);
  // normal = m * 2^e with m from sqrt(1/2) to sqrt(2).
  const VI start = hn::Set(di, 0x3f3504f3);
  const VI bits = hn::Sub(hn::BitCast(di, normal), start);
  const VF m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x7fffff)), start));
  VF e = hn::ConvertTo(d, hn::ShiftRight<23>(bits));
  e = hn::Sub(e, hn::IfThenElseZero(subnormal, hn::Set(d, 24.0f)));
  constexpr float kCoefficients[] = {3.3333331174e-1f,  -2.4999993993e-1f, 2.0000714765e-1f,
                                     -1.6668057665e-1f, 1.4249322787e-1f,  -1.2420140846e-1f,
                                     1.1676998740e-1f,  -1.1514610310e-1f, 7.0376836292e-2f};
  const VF f = hn::Sub(m, hn::Set(d, 1.0f)), z = hn::Mul(f, f);
  VF y = hn::Mul(hn::Mul(polynomial(f, kCoefficients), f), z);
  y = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), y);
  y = hn::NegMulAdd(z, hn::Set(d, 0.5f), y);
  y = hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, y));
  const VF infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Ge(x, hn::Zero(d)), y, hn::Set(d, std::numeric_limits<float>::quiet_NaN()));
}

/// Phi(-t) * exp(t^2 / 2) for 0 <= t <= 14.5, where Phi is the normal distribution, to 2.8e-9. Times
/// 1 + 1.25 t it lies between 0.5 and 0.6: 0.5 and (1 + s) times a polynomial in s = (t - 4) / (t + 4), a
/// variable of Shepherd and Laframboise's.
HWY_INLINE VF scaled_normal_tail(VF t) {
  const F32 d;
  constexpr float kCoefficients[] = {
      0.06646384806f,     -0.144743747844f,   0.131148444663f,    -0.077471720058f,  0.0295086898464f,
      -0.00495961108153f, -0.00142121358017f, 0.000879601383952f, 2.87955074181e-5f, -9.15415111112e-5f};
  const VF from_minus_one = hn::Div(hn::Add(t, t), hn::Add(t, hn::Set(d, 4.0f)));
  const VF s = hn::Sub(from_minus_one, hn::Set(d, 1.0f));
  const VF product = hn::MulAdd(polynomial(s, kCoefficients), from_minus_one, hn::Set(d, 0.5f));
  return hn::Div(product, hn::MulAdd(t, hn::Set(d, 1.25f), hn::Set(d, 1.0f)));
}

/// sin(x), or cos(x): x less a multiple of pi/2, in double, then Cephes' polynomials. Beyond 10^5 the C
/// library does it.
template <bool kCosine>
HWY_INLINE VF sine(VF x) {
  const F32 d;
  const I32 di;
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 1e5f)))))
    return one_by_one(x, [](double value) { return kCosine ? std::cos(value) : std::sin(value); });
  const F64 wide;
  const Wide value = widen(x);
  const Wide turns = each_half(
      [&](VD v) HWY_ATTR { return hn::Round(hn::Mul(v, hn::Set(wide, 0.63661977236758134308))); }, value);
  const auto rest = [&](VD v, VD n) HWY_ATTR {  // n * the first part of pi/2 is exact
    const VD r = hn::NegMulAdd(n, hn::Set(wide, 1.57079632673412561417), v);
    return hn::NegMulAdd(n, hn::Set(wide, 6.07710050650619224932e-11), r);
  };
  const VF r = narrow(each_half(rest, value, turns));
  const VI n = hn::ConvertTo(di, narrow(turns));
  const VF z = hn::Mul(r, r);
  constexpr float kSine[] = {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f};
  constexpr float kCosines[] = {4.166664568298827e-2f, -1.388731625493765e-3f, 2.443315711809948e-5f};
  const VF sin = hn::MulAdd(hn::Mul(polynomial(z, kSine), z), r, r);
  const VF cos = hn::MulAdd(polynomial(z, kCosines), hn::Mul(z, z),
                            hn::NegMulAdd(z, hn::Set(d, 0.5f), hn::Set(d, 1.0f)));
  const VI quarter = kCosine ? hn::Add(n, hn::Set(di, 1)) : n;
  const auto odd = hn::RebindMask(d, hn::Ne(hn::And(quarter, hn::Set(di, 1)), hn::Zero(di)));
  const VI sign = hn::ShiftLeft<30>(hn::And(quarter, hn::Set(di, 2)));
  const VF y = hn::Xor(hn::IfThenElse(odd, cos, sin), hn::BitCast(d, sign));
  return kCosine ? y : hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // -0
}

/// |x|^a in double: 2^(a * log2|x|), both to 2^-38 or better.
HWY_INLINE VD power_of_magnitude(VD x, VD a) {
  const F64 d;
  const hn::RebindToSigned<F64> di;
  const auto start = hn::Set(di, 0x3fe6a09e667f3bcdLL);  // sqrt(1/2)
  const auto bits = hn::Sub(hn::BitCast(di, x), start);
  const VD m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0xfffffffffffffLL)), start));
  // The exponent as a double: its integer, added to 2^52 + 2^51 as bits.
  const VD shift = hn::Set(d, 0x1.8p52);
  const auto e_bits = hn::Add(hn::ShiftRight<52>(bits), hn::BitCast(di, shift));
  const VD e = hn::Sub(hn::BitCast(d, e_bits), shift);
  constexpr double kSeries[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
  const VD one = hn::Set(d, 1.0);
  const VD s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const VD series = hn::Mul(polynomial(hn::Mul(s, s), kSeries), s);
  VD log = hn::MulAdd(series, hn::Set(d, 2.8853900817779268147), e);
  log = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -1e300), log);
  log = hn::IfThenElse(hn::Gt(x, hn::Set(d, 1e300)), hn::Set(d, 1e300), log);
  const VD t = hn::Min(hn::Max(hn::Mul(a, log), hn::Set(d, -200.0)), hn::Set(d, 200.0));
  const VD k = hn::Round(t);
  const VD r = hn::Mul(hn::Sub(t, k), hn::Set(d, 0.69314718055994530942));
  constexpr double kExp[] = {1.0,       1.0,        1.0 / 2,     1.0 / 6,      1.0 / 24,     1.0 / 120,
                             1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800};
  const auto k_bits = hn::BitCast(di, hn::Add(k, hn::Set(d, 0x1.8p52 + 1023.0)));
  return hn::Mul(polynomial(r, kExp), hn::BitCast(d, hn::ShiftLeft<52>(k_bits)));
}

/// x^a, with C's special cases; a is the same in all lanes.
HWY_INLINE VF pow(VF x, VF a) {
  const F32 d;
  if (hn::AllTrue(d, hn::Eq(a, hn::Set(d, 3.0f)))) return hn::Mul(hn::Mul(x, x), x);
  const float exponent = hn::GetLane(a);
  if (HWY_UNLIKELY(!std::isfinite(exponent) || exponent == 0.0f)) {
    return one_by_one(x, [exponent](double value) { return std::pow(value, static_cast<double>(exponent)); });
  }
  const VD wide = hn::Set(F64(), static_cast<double>(exponent));
  const auto power = [&](VD magnitude) HWY_ATTR { return power_of_magnitude(magnitude, wide); };
  VF y = narrow(each_half(power, widen(hn::Abs(x))));
  if (std::trunc(exponent) != exponent) {
    const auto invalid =
        hn::And(hn::Lt(x, hn::Zero(d)), hn::Ge(x, hn::Set(d, std::numeric_limits<float>::lowest())));
    y = hn::IfThenElse(invalid, hn::Set(d, std::numeric_limits<float>::quiet_NaN()), y);
  } else if (std::fmod(exponent, 2.0f) != 0.0f) {
    y = hn::CopySign(y, x);
  }
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
