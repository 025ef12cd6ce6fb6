#pragma once

#include <upconv/kernels/cuda/device/pool2d.cuh>

namespace upconv::kernels::cuda::device {

/// As pool_join, in one instruction where there is one: of two zeros, +0 is the larger.
template <bool kMax>
__device__ __forceinline__ float strip_join(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (kMax) {
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
  }
#endif
  return pool_join<kMax>(a, b);
}

/// Square windows of kSize pixels, kStride apart, behind kPad pixels of padding: a thread makes kWidth pixels
/// of kRows rows of y.
template <class T, int kSizeOf, int kStrideOf, int kPadOf>
struct PoolStrip {
  static constexpr int kSize = kSizeOf, kStride = kStrideOf, kPad = kPadOf;
  static constexpr int kWidth = 16 / sizeof(T);
  static constexpr int kRows = kSize == 5 ? 8 : kSize == 2 ? 2 : 4;
  static constexpr int kColumns = (kWidth - 1) * kStride + kSize;  // of x
  static constexpr int kLines = (kRows - 1) * kStride + kSize;     // rows of x
  static_assert(kSize - kPad >= kStride);  // what is loaded in packs is part of the windows
};

/// A strip of windows, of which those that are `kInside` the image in every column are read in packs.
template <class T, bool kMax, class Strip, bool kInside>
__device__ __forceinline__ void pool_strip(const T* x, T* y, int oh0, int ow0, bool y_packs,
                                           const PoolArguments& p) {
  constexpr int V = Strip::kWidth, kSize = Strip::kSize, kStride = Strip::kStride, kPad = Strip::kPad;
  float values[Strip::kRows][V];
#pragma unroll
  for (int line = 0; line < Strip::kLines; ++line) {
    const int ih = oh0 * kStride - kPad + line;
    const bool there = ih >= 0 && ih < p.ih;
    float columns[Strip::kColumns];
    if constexpr (kInside) {
      // A row outside is replaced: for a maximum by one that is in the window, for a mean by zeros.
      const T* at = x + static_cast<std::int64_t>(min(max(ih, 0), p.ih - 1)) * p.iw + ow0 * kStride;
#pragma unroll
      for (int s = 0; s < kStride; ++s) {
        const auto pack = *reinterpret_cast<const Pack<T, V>*>(at + s * V);
#pragma unroll
        for (int v = 0; v < V; ++v)
          columns[kPad + s * V + v] = to_float(pack.values[v]);
      }
#pragma unroll
      for (int k = 0; k < kPad; ++k)
        columns[k] = to_float(at[k - kPad]);
#pragma unroll
      for (int k = kPad + kStride * V; k < Strip::kColumns; ++k)
        columns[k] = to_float(at[k - kPad]);
      if constexpr (!kMax) {
#pragma unroll
        for (float& value : columns)
          value = there ? value : 0.0f;
      }
    } else {
      const int iw = ow0 * kStride - kPad;
#pragma unroll
      for (int k = 0; k < Strip::kColumns; ++k) {
        columns[k] = there && iw + k >= 0 && iw + k < p.iw
                         ? to_float(x[static_cast<std::int64_t>(ih) * p.iw + iw + k])
                         : pool_start<kMax>();
      }
    }
    float joined[V];  // of the line, for each window; neighbours of stride 1 share pairs
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const auto pair = [&](int k) { return strip_join<kMax>(columns[k], columns[k + 1]); };
      const int k = v * kStride;
      joined[v] = pair(k);
      if constexpr (kSize == 3) joined[v] = strip_join<kMax>(joined[v], columns[k + 2]);
      if constexpr (kSize == 5)
        joined[v] = strip_join<kMax>(strip_join<kMax>(joined[v], pair(k + 2)), columns[k + 4]);
    }
#pragma unroll
    for (int row = 0; row < Strip::kRows; ++row) {
      const int tap = line - row * kStride;  // of this row's windows
      if (tap < 0 || tap >= kSize) continue;
#pragma unroll
      for (int v = 0; v < V; ++v)
        values[row][v] = tap == 0 ? joined[v] : strip_join<kMax>(values[row][v], joined[v]);
      if (tap < kSize - 1 || oh0 + row >= p.oh) continue;
      Pack<T, V> pack;
      const bool whole = kInside && ih - (kSize - 1) >= 0 && there && p.divisor == 0.0f;
      const PoolWindow h = window_of(oh0 + row, p.ih, p.oh, kSize, kStride, kPad, 1, false);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        float value = values[row][v];
        if constexpr (!kMax) {
          value = whole ? value / static_cast<float>(kSize * kSize)
                        : pool_finish<false>(
                              p, h, window_of(ow0 + v, p.iw, p.ow, kSize, kStride, kPad, 1, false), value);
        }
        pack.values[v] = from_float<T>(value);
      }
      T* const to = y + static_cast<std::int64_t>(oh0 + row) * p.ow + ow0;
      if (y_packs && ow0 + V <= p.ow) {
        *reinterpret_cast<Pack<T, V>*>(to) = pack;
      } else {
#pragma unroll
        for (int v = 0; v < V; ++v) {
          if (ow0 + v < p.ow) to[v] = pack.values[v];
        }
      }
    }
  }
}

/// A thread a strip: `strips` of a band of rows, `bands` of a plane. x_packs, y_packs: rows begin at
/// multiples of 16 bytes.
template <class T, bool kMax, class Strip>
__global__ void __launch_bounds__(256)
    pool2d_strips(const T* x, T* y, std::uint32_t count, Divisor strips, Divisor bands, bool x_packs,
                  bool y_packs, PoolArguments p) {
  const std::uint32_t i = blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  const std::uint32_t line = strips.quotient(i), plane = bands.quotient(line);
  const int ow0 = static_cast<int>(i - line * static_cast<std::uint32_t>(strips.divisor)) * Strip::kWidth;
  const int oh0 = static_cast<int>(line - plane * static_cast<std::uint32_t>(bands.divisor)) * Strip::kRows;
  x += static_cast<std::int64_t>(plane) * p.ih * p.iw;
  y += static_cast<std::int64_t>(plane) * p.oh * p.ow;
  const int left = ow0 * Strip::kStride - Strip::kPad;
  if (x_packs && left >= 0 && left + Strip::kColumns <= p.iw) {
    pool_strip<T, kMax, Strip, true>(x, y, oh0, ow0, y_packs, p);
  } else {
    pool_strip<T, kMax, Strip, false>(x, y, oh0, ow0, y_packs, p);
  }
}

}  // namespace upconv::kernels::cuda::device
