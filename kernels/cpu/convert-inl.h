// Vectors of f32 from and to f32, f16 and bf16 in memory, rounding as Float16 and BFloat16 do on every
// target.
#if defined(UPCONV_KERNELS_CPU_CONVERT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_CONVERT_INL_H
#undef UPCONV_KERNELS_CPU_CONVERT_INL_H
#else
#define UPCONV_KERNELS_CPU_CONVERT_INL_H
#endif

#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

#include <upconv/framework/float16.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using U32 = hn::RebindToUnsigned<F32>;
using I32 = hn::RebindToSigned<F32>;
using U16 = hn::Rebind<std::uint16_t, F32>;
using VF = hn::Vec<F32>;

HWY_INLINE std::size_t lanes() {
  return hn::Lanes(F32());
}

HWY_INLINE hn::Vec<U32> load_bits(const std::uint16_t* from) {
  return hn::PromoteTo(U32(), hn::LoadU(U16(), from));
}
HWY_INLINE void store_bits(hn::Vec<U32> bits, std::uint16_t* to) {
  hn::StoreU(hn::DemoteTo(U16(), hn::BitCast(I32(), bits)), U16(), to);
}

HWY_INLINE VF load_f32(const float* from) {
  return hn::LoadU(F32(), from);
}
HWY_INLINE void store_f32(VF value, float* to) {
  hn::StoreU(value, F32(), to);
}

HWY_INLINE VF load_f32(const BFloat16* from) {
  return hn::BitCast(F32(), hn::ShiftLeft<16>(load_bits(reinterpret_cast<const std::uint16_t*>(from))));
}

HWY_INLINE void store_f32(VF value, BFloat16* to) {
  const U32 d;
  const auto word = hn::BitCast(d, value);
  const auto odd = hn::And(hn::ShiftRight<16>(word), hn::Set(d, 1u));
  const auto rounded = hn::Add(word, hn::Add(hn::Set(d, 0x7fffu), odd));
  const auto quiet = hn::Or(word, hn::Set(d, 0x400000u));
  const auto nan = hn::RebindMask(d, hn::IsNaN(value));
  store_bits(hn::ShiftRight<16>(hn::IfThenElse(nan, quiet, rounded)), reinterpret_cast<std::uint16_t*>(to));
}

HWY_INLINE VF load_f32(const Float16* from) {
  const U32 d;
  const auto bits = load_bits(reinterpret_cast<const std::uint16_t*>(from));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(d, 0x8000u)));
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(d, 0x7fffu)));
  // As a float, the shifted bits are the value over 2^112, subnormals included: scale, exactly.
  const auto scaled = hn::BitCast(d, hn::Mul(hn::BitCast(F32(), magnitude), hn::Set(F32(), 0x1p112f)));
  const auto special = hn::Gt(hn::BitCast(I32(), magnitude), hn::Set(I32(), 0x0f7fffff));  // infinity, NaN
  const auto value =
      hn::IfThenElse(hn::RebindMask(d, special), hn::Or(magnitude, hn::Set(d, 0x7f800000u)), scaled);
  return hn::BitCast(F32(), hn::Or(sign, value));
}

HWY_INLINE void store_f32(VF value, Float16* to) {
  const U32 d;
  const I32 di;
  const auto word = hn::BitCast(d, value);
  const auto sign = hn::And(hn::ShiftRight<16>(word), hn::Set(d, 0x8000u));
  const auto magnitude = hn::And(word, hn::Set(d, 0x7fffffffu));
  const auto compare = hn::BitCast(di, magnitude);
  const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(d, 1u));
  const auto normal = hn::ShiftRight<13>(hn::Add(hn::Sub(magnitude, hn::Set(d, 0x38000000u - 0xfffu)), odd));
  // Adding 0.5 lets the unit round at 2^-24, where subnormal halves end.
  const auto shifted = hn::BitCast(d, hn::Add(hn::BitCast(F32(), magnitude), hn::Set(F32(), 0.5f)));
  const auto subnormal = hn::Sub(shifted, hn::Set(d, 0x3f000000u));
  auto half = hn::IfThenElse(hn::RebindMask(d, hn::Lt(compare, hn::Set(di, 0x38800000))), subnormal, normal);
  half =
      hn::IfThenElse(hn::RebindMask(d, hn::Gt(compare, hn::Set(di, 0x477fefff))), hn::Set(d, 0x7c00u), half);
  half =
      hn::IfThenElse(hn::RebindMask(d, hn::Gt(compare, hn::Set(di, 0x7f800000))), hn::Set(d, 0x7e00u), half);
  store_bits(hn::Or(sign, half), reinterpret_cast<std::uint16_t*>(to));
}

/// The first `count` (at most a vector of) elements; the other lanes are zero.
template <class T>
HWY_INLINE VF load_some(const T* from, std::size_t count) {
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(buffer, from, count * sizeof(T));
  return load_f32(buffer);
}

/// Stores the first `count` lanes and touches nothing behind them.
template <class T>
HWY_INLINE void store_some(VF value, T* to, std::size_t count) {
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(float)];
  store_f32(value, buffer);
  std::memcpy(to, buffer, count * sizeof(T));
}

/// y[i] = f(x[i]), a vector at a time; x and y may be the same memory. The last, short vector is computed as
/// the others are.
template <class X, class T, class Fn>
HWY_INLINE void transform(const X* x, std::int64_t count, T* y, const Fn& f) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(f(load_f32(x + i)), y + i);
  if (i == count) return;
  const auto rest = static_cast<std::size_t>(count - i);
  store_some(f(load_some(x + i, rest)), y + i, rest);
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
