#pragma once

#include <upconv/kernels/cuda/device/strided_copy.cuh>

namespace upconv::kernels::cuda::device {

/// Packs of a thread of interleave.
inline constexpr int kInterleavedPacks = 2;

/// Joins kFactor streams, whose elements lie `apart`, into one that takes from each in turn; or, not kJoins,
/// parts them again. A pack is V elements of every stream; `row` counts those of a row. The joined stream
/// moves J elements an access. A thread makes kInterleavedPacks packs, 256 apart, and loads them before it
/// stores one.
template <class T, int kFactor, int V, int J, bool kJoins>
__global__ void __launch_bounds__(256) interleave(const T* x, T* y, std::uint32_t packs, Divisor row,
                                                  std::int64_t apart, StridedCopyArguments outer) {
  static_assert(kFactor * V % J == 0);
  constexpr int kPacks = kInterleavedPacks, kAccesses = kFactor * V / J;
  const std::uint32_t first = blockIdx.x * (256 * kPacks) + threadIdx.x;
  Pack<T, V> parted[kPacks][kFactor];
  Pack<T, J> joined[kPacks][kAccesses];
  T* to[kPacks];
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const std::uint32_t i = first + k * 256;
    if (i >= packs) break;
    const std::uint32_t line = row.quotient(i);
    const auto column = static_cast<std::int64_t>(i - line * static_cast<std::uint32_t>(row.divisor)) * V;
    std::int64_t in = kJoins ? column : column * kFactor, out = kJoins ? column * kFactor : column;
    outer.walk(line, in, out);
    to[k] = y + out;
    if constexpr (kJoins) {
#pragma unroll
      for (int stream = 0; stream < kFactor; ++stream)
        parted[k][stream] = *reinterpret_cast<const Pack<T, V>*>(x + in + stream * apart);
    } else {
#pragma unroll
      for (int a = 0; a < kAccesses; ++a)
        joined[k][a] = *reinterpret_cast<const Pack<T, J>*>(x + in + a * J);
    }
  }
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (first + k * 256 >= packs) break;
#pragma unroll
    for (int e = 0; e < kFactor * V; ++e) {
      T& together = joined[k][e / J].values[e % J];
      T& alone = parted[k][e % kFactor].values[e / kFactor];
      if constexpr (kJoins) {
        together = alone;
      } else {
        alone = together;
      }
    }
    if constexpr (kJoins) {
#pragma unroll
      for (int a = 0; a < kAccesses; ++a)
        *reinterpret_cast<Pack<T, J>*>(to[k] + a * J) = joined[k][a];
    } else {
#pragma unroll
      for (int stream = 0; stream < kFactor; ++stream)
        *reinterpret_cast<Pack<T, V>*>(to[k] + stream * apart) = parted[k][stream];
    }
  }
}

}  // namespace upconv::kernels::cuda::device
