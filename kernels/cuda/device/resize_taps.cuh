#pragma once

#include <cstdint>

/// Which pixels of x along one axis a pixel of y is made of. Positions are PyTorch's, in f32.
namespace upconv::kernels::cuda::device {

/// kernels::ResizeAxis as kernels take it.
struct ResizeAxisArguments {
  int in, out;
  int taps;  // at most
  float step;
};

/// kernels::ResizeProblem as kernels take it.
struct ResizeArguments {
  ResizeAxisArguments rows, columns;
  bool align_corners, cubic, exact;  // cubic: of antialiased ones; exact: of nearest neighbours
};

/// Where pixel o lies in x, with one rounding. PyTorch computes it so, and its pixels are taken.
__device__ inline float resize_position(const ResizeAxisArguments& axis, int o, bool align_corners) {
  const float whole = static_cast<float>(o);
  return align_corners ? __fmul_rn(axis.step, whole) : __fmaf_rn(axis.step, whole + 0.5f, -0.5f);
}

/// Keys' cubic: a piece for distances up to 1, another up to 2.
__device__ inline float near_cubic(float x, float a) {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}
__device__ inline float far_cubic(float x, float a) {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/// The pixels of x along an axis that pixel o of y is made of, and their weights.
template <int kTaps>
struct ResizeTaps {
  int index[kTaps];
  float weight[kTaps];

  __device__ ResizeTaps(const ResizeAxisArguments& axis, int o, const ResizeArguments& p) {
    const int last = axis.in - 1;
    if constexpr (kTaps == 1) {
      // Half a pixel is taken and given back, and rounds each time: so does PyTorch.
      const float place = p.exact ? __fadd_rn(fmaxf(resize_position(axis, o, false), 0.0f), 0.5f)
                                  : resize_position(axis, o, true);
      index[0] = min(static_cast<int>(place), last);
      weight[0] = 1.0f;
    } else if constexpr (kTaps == 2) {
      const bool same = axis.in == axis.out;  // whatever the scale that led to this size
      const float place =
          same ? static_cast<float>(o) : fmaxf(resize_position(axis, o, p.align_corners), 0.0f);
      index[0] = same ? o : min(static_cast<int>(place), last);
      index[1] = same ? o : min(index[0] + 1, last);
      weight[1] = same ? 0.0f : fminf(fmaxf(place - static_cast<float>(index[0]), 0.0f), 1.0f);
      weight[0] = 1.0f - weight[1];
    } else {
      static_assert(kTaps == 4);
      constexpr float kA = -0.75f;
      const float place = resize_position(axis, o, p.align_corners);
      const int second = min(static_cast<int>(floorf(place)), last);
      const float t = fminf(fmaxf(place - static_cast<float>(second), 0.0f), 1.0f);
#pragma unroll
      for (int k = 0; k < 4; ++k)
        index[k] = min(max(second + k - 1, 0), last);
      weight[0] = far_cubic(t + 1.0f, kA);
      weight[1] = near_cubic(t, kA);
      weight[2] = near_cubic(1.0f - t, kA);
      weight[3] = far_cubic(2.0f - t, kA);
    }
  }
};

/// The same where downscaling averages: `size` pixels from `first` on.
struct AntialiasTaps {
  int first, size;
  float center, inverse;

  __device__ AntialiasTaps(const ResizeAxisArguments& axis, int o, const ResizeArguments& p) {
    const float half = p.cubic ? 2.0f : 1.0f;
    const float support = axis.step >= 1.0f ? half * axis.step : half;
    inverse = axis.step >= 1.0f ? 1.0f / axis.step : 1.0f;
    center = __fmul_rn(axis.step, static_cast<float>(o) + 0.5f);
    first = max(static_cast<int>(static_cast<double>(center - support) + 0.5), 0);
    const int end = min(static_cast<int>(static_cast<double>(center + support) + 0.5), axis.in);
    size = min(max(end - first, 0), axis.taps);
  }
  /// Before the weights are divided by their sum.
  __device__ float weight(int k, bool cubic) const {
    const float x = fabsf((static_cast<float>(first + k) - center + 0.5f) * inverse);
    if (!cubic) return fmaxf(1.0f - x, 0.0f);
    return x < 1.0f ? near_cubic(x, -0.5f) : x < 2.0f ? far_cubic(x, -0.5f) : 0.0f;
  }
  /// What weights are multiplied by, so that they add up to one.
  __device__ float scale(bool cubic) const {
    float total = 0.0f;
    for (int k = 0; k < size; ++k)
      total += weight(k, cubic);
    return total == 0.0f ? 1.0f : 1.0f / total;
  }
};

}  // namespace upconv::kernels::cuda::device
