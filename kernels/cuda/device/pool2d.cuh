#pragma once

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// kernels::PoolProblem as kernels take it.
struct PoolArguments {
  bool adaptive, include_pad;
  int ih, iw, oh, ow, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  float divisor;          // 0: the window's size
  Divisor columns, rows;  // of y
};

struct PoolWindow {
  int begin, end, padded;  // padded: its size with padding
};

__device__ inline PoolWindow window_of(int out, int in_size, int out_size, int kernel, int stride, int pad,
                                       int dilation, bool adaptive) {
  if (adaptive) {
    const int begin = static_cast<int>(static_cast<long long>(out) * in_size / out_size);
    const int end = static_cast<int>((static_cast<long long>(out + 1) * in_size + out_size - 1) / out_size);
    return {begin, end, end - begin};
  }
  const int first = out * stride - pad;
  const int last = min(first + dilation * (kernel - 1) + 1, in_size + pad);
  const int begin = first < 0 ? first + (-first + dilation - 1) / dilation * dilation : first;
  return {begin, min(last, in_size), last - first};
}

template <bool kMax>
__device__ inline float pool_join(float a, float b) {
  if constexpr (kMax) return b > a || b != b ? b : a;  // a NaN stays
  return a + b;
}

template <bool kMax>
__device__ inline float pool_start() {
  return kMax ? -__int_as_float(0x7f800000) : 0.0f;
}

/// What the joined elements of a window become.
template <bool kMax>
__device__ inline float pool_finish(const PoolArguments& p, const PoolWindow& h, const PoolWindow& w,
                                    float value) {
  if constexpr (kMax) return value;
  if (p.divisor != 0.0f) return value / p.divisor;
  const int rows = (h.end - h.begin + p.dilation_h - 1) / p.dilation_h;
  const int columns = (w.end - w.begin + p.dilation_w - 1) / p.dilation_w;
  return value / static_cast<float>(p.include_pad && !p.adaptive ? h.padded * w.padded : rows * columns);
}

/// A thread an output, grid-stride.
template <class T, bool kMax, class Index>
__global__ void __launch_bounds__(256) pool2d(const T* x, T* y, Index count, PoolArguments p) {
  const Index step = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const Index row = p.columns.quotient(i), plane = p.rows.quotient(row);
    const PoolWindow h = window_of(static_cast<int>(row - plane * static_cast<Index>(p.oh)), p.ih, p.oh, p.kh,
                                   p.stride_h, p.pad_h, p.dilation_h, p.adaptive);
    const PoolWindow w = window_of(static_cast<int>(i - row * static_cast<Index>(p.ow)), p.iw, p.ow, p.kw,
                                   p.stride_w, p.pad_w, p.dilation_w, p.adaptive);
    const T* from = x + static_cast<std::int64_t>(plane) * p.ih * p.iw;
    float value = pool_start<kMax>();
    for (int ih = h.begin; ih < h.end; ih += p.dilation_h) {
      for (int iw = w.begin; iw < w.end; iw += p.dilation_w)
        value = pool_join<kMax>(value, to_float(from[static_cast<std::int64_t>(ih) * p.iw + iw]));
    }
    y[i] = from_float<T>(pool_finish<kMax>(p, h, w, value));
  }
}

/// A block an output, for large windows: its threads take elements in turn, and are joined in a fixed order.
template <class T, bool kMax>
__global__ void __launch_bounds__(256) pool2d_block(const T* x, T* y, PoolArguments p) {
  __shared__ float partial[8];
  const std::int64_t i = blockIdx.x, row = i / p.ow, plane = row / p.oh;
  const PoolWindow h = window_of(static_cast<int>(row % p.oh), p.ih, p.oh, p.kh, p.stride_h, p.pad_h,
                                 p.dilation_h, p.adaptive);
  const PoolWindow w =
      window_of(static_cast<int>(i % p.ow), p.iw, p.ow, p.kw, p.stride_w, p.pad_w, p.dilation_w, p.adaptive);
  const T* from = x + plane * p.ih * p.iw;
  const int columns = (w.end - w.begin + p.dilation_w - 1) / p.dilation_w;
  const int rows = (h.end - h.begin + p.dilation_h - 1) / p.dilation_h;
  float value = pool_start<kMax>();
  for (int at = threadIdx.x; at < rows * columns; at += blockDim.x) {
    const int ih = h.begin + at / columns * p.dilation_h, iw = w.begin + at % columns * p.dilation_w;
    value = pool_join<kMax>(value, to_float(from[static_cast<std::int64_t>(ih) * p.iw + iw]));
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2)
    value = pool_join<kMax>(value, __shfl_xor_sync(0xffffffffu, value, lane));
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int warp = 1; warp < 8; ++warp)
    value = pool_join<kMax>(value, partial[warp]);
  y[i] = from_float<T>(pool_finish<kMax>(p, h, w, value));
}

}  // namespace upconv::kernels::cuda::device
