#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/element.cuh>
#include <upconv/kernels/cuda/device/mma_traits.cuh>

/// The epilogue and the store of a finished tile.
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
  ChannelConstants constants = p.epilogue.template constants_of<typename Traits::Element>(channel);
  if constexpr (!Traits::kHalves) {
    const float scale = ldexpf(1.0f, p.exponents[tile.group * p.fragments * 8 + co]);
    shared.scales[thread] = scale;
    if constexpr (Traits::kUnscaledLast) constants.scale *= scale;
  }
  shared.constants[thread] = constants;
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

/// Loads what store_vectors would overwrite, of the residual.
template <int kVector, class Element, int kRun>
__device__ __forceinline__ void load_vectors(float (&v)[kRun], const Element* residual, int valid) {
#pragma unroll
  for (int i = 0; i < kRun; i += kVector) {
    if (i >= valid) continue;
    const auto pack = *reinterpret_cast<const Pack<Element, kVector>*>(residual + i);
#pragma unroll
    for (int k = 0; k < kVector; ++k)
      v[i + k] = to_float(pack.values[k]);
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
      float v[Traits::kRun], added[Traits::kRun] = {};
#pragma unroll
      for (int i = 0; i < Traits::kRun; ++i)
        v[i] = sums[i % Traits::kBlocks][f][2 * (i / Traits::kBlocks) + e];
      const int co = tile.co0 + channel;
      if (co >= p.co) continue;
      if (p.epilogue.residual != nullptr) {
        const auto* from =
            static_cast<const typename Traits::Element*>(p.epilogue.residual) + (y - p.y) + co * plane;
        if (p.stored == Traits::kVector) {
          load_vectors<Traits::kVector>(added, from, valid);
        } else if (p.stored == 2) {
          load_vectors<2>(added, from, valid);
        } else {
          load_vectors<1>(added, from, valid);
        }
      }
      p.epilogue.finish_run(v, shared.constants[channel], added);
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
