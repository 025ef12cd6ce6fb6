#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/epilogue.cuh>

/// Outputs that read an infinity, of fp32 on matrix units. An operand is there a sum of parts, and the lower
/// parts of an infinity are infinity less infinity: a NaN, and so is every output that reads it, whatever a
/// plain loop would give. So outputs that became NaN are computed once more, by a plain loop, by the threads
/// that own them, once all of them are stored: they are few, and nobody else waits. A plain loop skips what
/// lies beyond the border, and stops at a NaN, so that where inputs are NaN this costs little.
namespace upconv::kernels::cuda::device {

/// The taps of an output as a plain loop meets them: (oh, ow) begins to read at (oh - lead_h, ow - lead_w).
struct PlainTaps {
  int kh, kw, lead_h, lead_w;
};

/// A part of one image's outputs in one group; it may reach beyond the last channel, row and column.
struct OutputBox {
  int n, group;
  int co0, channels, oh0, rows, ow0, columns;
};

/// The sum of an output's products. `co` counts within the group.
template <class Arguments>
__device__ __forceinline__ float plain_sum(const Arguments& p, const PlainTaps& taps, int n, int group,
                                           int co, int oh, int ow) {
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  const std::int64_t first_ci = static_cast<std::int64_t>(group) * p.ci;
  const std::int64_t first_co = static_cast<std::int64_t>(group) * p.co;
  const float* x =
      static_cast<const float*>(p.x) + (static_cast<std::int64_t>(n) * p.groups * p.ci + first_ci) * plane;
  float sum = 0.0f;
#pragma unroll 1
  for (int c = 0; c < p.ci && sum == sum; ++c, x += plane) {
    const std::int64_t kernel =
        p.transposed ? (first_ci + c) * p.co + co : (first_co + co) * static_cast<std::int64_t>(p.ci) + c;
    const float* weight = p.plain_weight + kernel * (taps.kh * taps.kw);
#pragma unroll 1
    for (int tap = 0; tap < taps.kh * taps.kw; ++tap) {
      const int ih = oh - taps.lead_h + tap / taps.kw, iw = ow - taps.lead_w + tap % taps.kw;
      if (ih < 0 || ih >= p.ih || iw < 0 || iw >= p.iw) continue;
      const int turned = p.transposed ? taps.kh * taps.kw - 1 - tap : tap;
      sum = fmaf(x[static_cast<std::int64_t>(ih) * p.iw + iw], weight[turned], sum);
    }
  }
  return sum;
}

/// Computes the NaNs among a box's stored outputs once more. For `threads` threads, of which this is
/// `thread`, and which see what the others have stored. `constants` are those of the box's channels;
/// `finish(sum, constants, at)` is the epilogue for element `at` of y.
template <class Arguments, class Finish>
__device__ __forceinline__ void compute_nans_plainly(const Arguments& p, const PlainTaps& taps,
                                                     const OutputBox& box, const ChannelConstants* constants,
                                                     int thread, int threads, Finish&& finish) {
  const std::int64_t plane = static_cast<std::int64_t>(p.oh) * p.ow;
  const int channels = min(box.channels, p.co - box.co0), rows = min(box.rows, p.oh - box.oh0);
  const int columns = min(box.columns, p.ow - box.ow0);
  float* y = static_cast<float*>(p.y) +
             ((static_cast<std::int64_t>(box.n) * p.groups + box.group) * p.co + box.co0) * plane;
#pragma unroll 1
  for (int row = 0; row < rows; ++row) {
    const int oh = box.oh0 + row;
#pragma unroll 1
    for (int i = thread; i < channels * columns; i += threads) {
      const int co = i / columns, ow = box.ow0 + i % columns;
      float* at = y + co * plane + static_cast<std::int64_t>(oh) * p.ow + ow;
      const float stored = *at;
      if (stored == stored) continue;
      const float sum = plain_sum(p, taps, box.n, box.group, box.co0 + co, oh, ow);
      *at = finish(sum, constants[co], at - static_cast<const float*>(p.y));
    }
  }
}

}  // namespace upconv::kernels::cuda::device
