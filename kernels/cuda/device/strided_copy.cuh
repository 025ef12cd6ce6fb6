#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// A copy as kernels take it, or those of its dimensions that a kernel does not walk itself.
struct StridedCopyArguments {
  static constexpr int kMaxRank = 16;

  int rank = 0;
  Divisor sizes[kMaxRank];
  std::int64_t x_strides[kMaxRank], y_strides[kMaxRank];

  /// Adds to x and y where the elements of one index of the dimensions lie.
  template <class Index>
  __device__ __forceinline__ void walk(Index index, std::int64_t& x, std::int64_t& y) const {
    for (int i = rank - 1; i >= 0; --i) {
      const Index rest = sizes[i].quotient(index);
      const auto at = static_cast<std::int64_t>(index - rest * static_cast<Index>(sizes[i].divisor));
      x += at * x_strides[i];
      y += at * y_strides[i];
      index = rest;
    }
  }
};

/// Packs of a thread of strided_copy.
template <int V>
inline constexpr int kStridedPacks = V == 1 ? 4 : 1;

/// y[i] = x[i] in y's order. A pack is V elements along the last dimension, where y's lie side by side if V
/// is more than one; `row` counts the packs of a row, `x_step` leads from one element of x to the next. A
/// thread makes kStridedPacks packs, 256 apart, and loads them all before it stores one.
template <class T, int V, class Index>
__global__ void __launch_bounds__(256)
    strided_copy(const T* x, T* y, Index packs, Divisor row, std::int64_t x_step, std::int64_t y_step,
                 StridedCopyArguments outer) {
  constexpr int kPacks = kStridedPacks<V>;
  const Index first = Index(blockIdx.x) * (256 * kPacks) + threadIdx.x;
  Pack<T, V> values[kPacks];
  T* to[kPacks];
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const Index i = first + k * 256;
    if (i >= packs) break;
    const Index line = row.quotient(i);
    const auto column = static_cast<std::int64_t>(i - line * static_cast<Index>(row.divisor)) * V;
    std::int64_t in = column * x_step, out = column * y_step;
    outer.walk(line, in, out);
    to[k] = y + out;
#pragma unroll
    for (int v = 0; v < V; ++v)
      values[k].values[v] = x[in + v * x_step];
  }
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (first + k * 256 < packs) *reinterpret_cast<Pack<T, V>*>(to[k]) = values[k];
  }
}

}  // namespace upconv::kernels::cuda::device
