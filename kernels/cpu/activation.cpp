// Every elementwise function on a run of elements, compiled once for each instruction set and type; what
// calls it is compiled for the same instruction sets. The tables are made of the enumerators.

#include <array>
#include <cstdint>
#include <utility>

#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/activation.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/activation-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

namespace {

struct Numbers {
  float scale, shift, a, b;
};

template <class T>
using RunFunction = void (*)(const Numbers&, const T*, std::int64_t, T*);

template <ActivationKind kKind, class T>
void run(const Numbers& numbers, const T* x, std::int64_t count, T* y) {
  const F32 d;
  const VF scale = hn::Set(d, numbers.scale), shift = hn::Set(d, numbers.shift);
  const VF a = hn::Set(d, numbers.a), b = hn::Set(d, numbers.b);
  const auto step = static_cast<std::int64_t>(lanes());
  for (std::int64_t i = 0; i < count; i += step) {  // one copy of the function, for the short vector as well
    const std::int64_t rest = count - i;
    const bool whole = rest >= step;
    const VF value = whole ? load_f32(x + i) : load_some(x + i, static_cast<std::size_t>(rest));
    const VF result = activate<kKind>(hn::MulAdd(value, scale, shift), a, b);
    if (HWY_LIKELY(whole)) {
      store_f32(result, y + i);
    } else {
      store_some(result, y + i, static_cast<std::size_t>(rest));
    }
  }
}

template <class T, std::size_t... kIndices>
constexpr auto run_functions(std::index_sequence<kIndices...>) {
  return std::array<RunFunction<T>, sizeof...(kIndices)>{run<kActivationNames[kIndices].first, T>...};
}

template <class T>
void run_any(ActivationKind kind, const Numbers& numbers, const T* x, std::int64_t count, T* y) {
  static constexpr auto kFunctions = run_functions<T>(std::make_index_sequence<kActivationNames.size()>());
  kFunctions[static_cast<std::size_t>(kind)](numbers, x, count, y);
}

}  // namespace

void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const float* x,
                  std::int64_t count, float* y) {
  run_any(kind, {scale, shift, a, b}, x, count, y);
}

void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const Float16* x,
                  std::int64_t count, Float16* y) {
  run_any(kind, {scale, shift, a, b}, x, count, y);
}

void activate_run(ActivationKind kind, float scale, float shift, float a, float b, const BFloat16* x,
                  std::int64_t count, BFloat16* y) {
  run_any(kind, {scale, shift, a, b}, x, count, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();
