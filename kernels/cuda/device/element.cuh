#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

/// Tensor elements on the device: float, __half and __nv_bfloat16, all computed with in float.
namespace upconv::kernels::cuda::device {

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(__half value) {
  return __half2float(value);
}
__device__ inline float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

/// Rounds to nearest even.
template <class T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

/// V elements that move in one access.
template <class T, int V>
struct alignas(V * sizeof(T)) Pack {
  T values[V];
};

/// 1, 2 or 4 words in one access.
template <int kCount>
__device__ __forceinline__ void load_words(std::uint32_t* to, const void* from) {
  const auto pack = *static_cast<const Pack<std::uint32_t, kCount>*>(from);
#pragma unroll
  for (int i = 0; i < kCount; ++i)
    to[i] = pack.values[i];
}

/// Two floats as pairs of their three bf16 numbers, whose sum they are: calls place(part, pair), part 0 the
/// highest. Exact, but from 2^127 on the first may be infinite, and below 2^-110 the last may lack bits.
template <class Place>
__device__ __forceinline__ void split_to_bf16(std::uint32_t first, std::uint32_t second, Place&& place) {
  float2 x{__uint_as_float(first), __uint_as_float(second)};
#pragma unroll
  for (int part = 0; part < 3; ++part) {
    const __nv_bfloat162 rounded = __float22bfloat162_rn(x);
    const std::uint32_t pair = *reinterpret_cast<const std::uint32_t*>(&rounded);
    place(part, pair);
    x.x -= __uint_as_float(pair << 16);
    x.y -= __uint_as_float(pair & 0xffff0000u);
  }
}

}  // namespace upconv::kernels::cuda::device
