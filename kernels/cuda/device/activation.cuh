#pragma once

#include <type_traits>

#include <upconv/kernels/activation_formula.h>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

using Kind = ActivationKind;

/// An activation as kernels take it. LeakyReLU and PReLU are one function, leaky_relu: its slope is `a`, or
/// goes by the channel.
struct DeviceActivation {
  Kind kind = Kind::none;
  float a = 0.0f, b = 0.0f;
  const void* slopes = nullptr;  // of y's type, in a's place; null: a for every channel
  int slopes_step = 0;           // 0: slopes[0] for every channel; 1: slopes[channel]

  template <class T>
  __device__ __forceinline__ float a_of(long long channel) const {
    return slopes == nullptr ? a : to_float(static_cast<const T*>(slopes)[channel * slopes_step]);
  }
};

/// The function of x. NaN passes through, as in PyTorch.
template <Kind kKind>
__device__ __forceinline__ float activate(float x, float a, float b) {
  return activation_formula(kKind, x, a, b);
}

/// x = f(x) for each of a thread's values: one branch for all.
template <int kCount, class Function>
__device__ __forceinline__ void apply_to_run(float (&v)[kCount], Function&& function) {
#pragma unroll
  for (float& x : v)
    x = function(x);
}

/// All functions, for epilogues that stand unrolled many times in a kernel: those of more than a few
/// instructions are called.
__device__ __noinline__ static float activate_called(Kind kind, float x, float a, float b) {
  return activation_formula(kind, x, a, b);
}
template <int kCount>
__device__ __forceinline__ void activate_run(float (&v)[kCount], Kind kind, float a, float b) {
  switch (kind) {
    case Kind::none:
      return;
    case Kind::relu:
      return apply_to_run(v, [a](float x) { return activate<Kind::relu>(x, a, 0.0f); });
    case Kind::leaky_relu:
      return apply_to_run(v, [a](float x) { return activate<Kind::leaky_relu>(x, a, 0.0f); });
    default:
      return apply_to_run(v, [=](float x) { return activate_called(kind, x, a, b); });
  }
}

/// Calls f with `kind` as a constant, among kCount kinds from kFirst on: a search by halves, of the same
/// outcome in all threads.
template <int kFirst = 0, int kCount = static_cast<int>(kActivationNames.size()), class Function>
__device__ __forceinline__ void with_kind(Kind kind, Function&& f) {
  if constexpr (kCount == 1) {
    f(std::integral_constant<Kind, static_cast<Kind>(kFirst)>{});
  } else {
    constexpr int kHalf = kCount / 2;
    if (static_cast<int>(kind) < kFirst + kHalf) {
      with_kind<kFirst, kHalf>(kind, f);
    } else {
      with_kind<kFirst + kHalf, kCount - kHalf>(kind, f);
    }
  }
}

/// A function whose code is too long to stand once for each value: its slow paths would fill the kernel.
constexpr bool is_long(Kind kind) {
  return kind == Kind::pow || kind == Kind::sin || kind == Kind::cos;
}
template <Kind kKind>
__device__ __noinline__ static float activate_alone(float x, float a, float b) {
  return activate<kKind>(x, a, b);
}

}  // namespace upconv::kernels::cuda::device
