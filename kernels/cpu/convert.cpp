// Conversions of f16 and bf16 for kernels that compute in f32 memory. One load, some ten integer instructions
// and one store a vector: bound by memory.

#include <cstring>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/convert.h>
#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/convert.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

template <class From, class To>
void convert_run(const From* from, std::int64_t count, To* to) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(load_f32(from + i), to + i);
  if (i == count) return;
  const auto rest = static_cast<std::size_t>(count - i);
  store_some(load_some(from + i, rest), to + i, rest);
}

void f16_to_f32(const void* from, std::int64_t count, float* to) {
  convert_run(static_cast<const Float16*>(from), count, to);
}
void bf16_to_f32(const void* from, std::int64_t count, float* to) {
  convert_run(static_cast<const BFloat16*>(from), count, to);
}
void f32_to_f16(const float* from, std::int64_t count, void* to) {
  convert_run(from, count, static_cast<Float16*>(to));
}
void f32_to_bf16(const float* from, std::int64_t count, void* to) {
  convert_run(from, count, static_cast<BFloat16*>(to));
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(f16_to_f32);
HWY_EXPORT(bf16_to_f32);
HWY_EXPORT(f32_to_f16);
HWY_EXPORT(f32_to_bf16);

void copy_floats(const void* from, std::int64_t count, void* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

}  // namespace

void convert_to_f32(DType type, const void* from, std::int64_t count, float* to) {
  visit_compute_type(type, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, float>) copy_floats(from, count, to);
    if constexpr (std::is_same_v<T, Float16>) HWY_DYNAMIC_DISPATCH(f16_to_f32)(from, count, to);
    if constexpr (std::is_same_v<T, BFloat16>) HWY_DYNAMIC_DISPATCH(bf16_to_f32)(from, count, to);
  });
}

void convert_from_f32(const float* from, std::int64_t count, DType type, void* to) {
  visit_compute_type(type, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, float>) copy_floats(from, count, to);
    if constexpr (std::is_same_v<T, Float16>) HWY_DYNAMIC_DISPATCH(f32_to_f16)(from, count, to);
    if constexpr (std::is_same_v<T, BFloat16>) HWY_DYNAMIC_DISPATCH(f32_to_bf16)(from, count, to);
  });
}

}  // namespace upconv::kernels::cpu
#endif
