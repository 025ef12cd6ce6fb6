#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/element.cuh>
#include <upconv/kernels/cuda/device/mma_traits.cuh>

/// Bias, activation and the store of a finished tile.
namespace upconv::kernels::cuda::device {

/// The constants of the block's channels, once, by all its threads.
template <class Traits>
__device__ __forceinline__ void load_epilogue(MmaShared<Traits>& shared,
                                              const MmaArguments<typename Traits::Element>& p,
                                              const MmaTile& tile) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= Traits::kCo) return;
  const int co = min(tile.co0 + thread, p.co - 1);
  const std::int64_t channel = static_cast<std::int64_t>(tile.group) * p.co + co;
  shared.bias[thread] = p.bias == nullptr ? 0.0f : to_float(p.bias[channel]);
  shared.slopes[thread] = p.activation.slope_of(channel);
  if constexpr (!Traits::kHalves)
    shared.scales[thread] = ldexpf(1.0f, p.exponents[tile.group * p.fragments * 8 + co]);
}

/// Stores a run of consecutive pixels, of which those before `valid` lie in the image, kVector at a time: y
/// is aligned, and every vector lies in the image or outside as a whole.
template <int kVector, class Element, int kRun>
__device__ __forceinline__ void store_vectors(Element* y, const float (&v)[kRun], int valid) {
#pragma unroll
  for (int i = 0; i < kRun; i += kVector) {
    Pack<Element, kVector> pack;
#pragma unroll
    for (int k = 0; k < kVector; ++k)
      pack.values[k] = from_float<Element>(v[i + k]);
    if (i < valid) *reinterpret_cast<Pack<Element, kVector>*>(y + i) = pack;
  }
}

/// One branch for a run, not one for an element.
template <int kCount>
__device__ __forceinline__ void activate_run(float (&v)[kCount], Function function, float slope) {
  const auto apply = [&v](auto&& of) {
#pragma unroll
    for (float& x : v)
      x = of(x);
  };
  switch (function) {
    case Function::none:
      return;
    case Function::relu:
      return apply([slope](float x) { return activate(Function::relu, x, slope); });
    case Function::leaky:
      return apply([slope](float x) { return activate(Function::leaky, x, slope); });
    case Function::sigmoid:
    case Function::tanh:
      return apply([function](float x) { return activate_smooth(function, x); });
  }
}

/// The warp's row of the tile, as the products leave it: sums[block][fragment].
template <class Traits>
__device__ __forceinline__ void store_row(const MmaShared<Traits>& shared,
                                          const MmaArguments<typename Traits::Element>& p,
                                          const MmaTile& tile, int row,
                                          const float (&sums)[Traits::kBlocks][Traits::kFragments][4]) {
  const int lane = threadIdx.x % 32;
  const int column = tile.ow0 + lane / 4 * Traits::kRun, valid = p.ow - column;
  const std::int64_t plane = static_cast<std::int64_t>(p.oh) * p.ow;
  typename Traits::Element* y = p.y +
                                (static_cast<std::int64_t>(tile.n) * p.groups + tile.group) * p.co * plane +
                                static_cast<std::int64_t>(tile.oh0 + row) * p.ow + column;
#pragma unroll
  for (int f = 0; f < Traits::kFragments; ++f) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int channel = 8 * f + 2 * (lane % 4) + e;
      const float bias = shared.bias[channel], slope = shared.slopes[channel];
      const float scale = Traits::kUnscaledLast ? shared.scales[channel] : 1.0f;
      float v[Traits::kRun];
#pragma unroll
      for (int i = 0; i < Traits::kRun; ++i) {
        const float sum = sums[i % Traits::kBlocks][f][2 * (i / Traits::kBlocks) + e];
        v[i] = Traits::kUnscaledLast ? fmaf(sum, scale, bias) : sum + bias;
      }
      activate_run(v, p.activation.function, slope);
      const int co = tile.co0 + channel;
      if (co >= p.co) continue;
      if (p.stored == Traits::kVector) {
        store_vectors<Traits::kVector>(y + co * plane, v, valid);
      } else if (p.stored == 2) {
        store_vectors<2>(y + co * plane, v, valid);
      } else {
        store_vectors<1>(y + co * plane, v, valid);
      }
    }
  }
}

}  // namespace upconv::kernels::cuda::device
