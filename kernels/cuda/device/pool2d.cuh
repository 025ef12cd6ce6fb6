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

/// Elements [first, size) of a run, every `step`-th, joined to `value`: 16 bytes an access from the first
/// multiple of 16 on, four accesses under way at once.
template <bool kMax, class T>
__device__ __forceinline__ float pool_run(float value, const T* at, int size, int first, int step) {
  constexpr int V = 16 / sizeof(T);
  const auto skew = static_cast<int>(reinterpret_cast<std::uintptr_t>(at) % 16 / sizeof(T));
  const int head = min((V - skew) % V, size), packs = (size - head) / V;
  for (int i = first; i < head; i += step)
    value = pool_join<kMax>(value, to_float(at[i]));
  const auto* body = reinterpret_cast<const Pack<T, V>*>(at + head);
  const auto join = [&](const Pack<T, V>& pack) {
#pragma unroll
    for (int v = 0; v < V; ++v)
      value = pool_join<kMax>(value, to_float(pack.values[v]));
  };
  int i = first;
  for (; i + 3 * step < packs; i += 4 * step) {
    Pack<T, V> loaded[4];
#pragma unroll
    for (int k = 0; k < 4; ++k)
      loaded[k] = body[i + k * step];
#pragma unroll
    for (int k = 0; k < 4; ++k)
      join(loaded[k]);
  }
  for (; i < packs; i += step)
    join(body[i]);
  for (int j = head + packs * V + first; j < size; j += step)
    value = pool_join<kMax>(value, to_float(at[j]));
  return value;
}

/// A block an output, or `parts` blocks, for large windows: its threads take elements in turn, and are joined
/// in a fixed order. A window of whole rows of x is one run, which may be cut in parts; `partial` then takes
/// what each has joined. `lanes` threads share a row.
template <class T, bool kMax>
__global__ void __launch_bounds__(256)
    pool2d_block(const T* x, T* y, float* partial, Divisor parts, int lanes, PoolArguments p) {
  __shared__ float joined[8];
  const std::uint32_t i = parts.quotient(blockIdx.x), row = p.columns.quotient(i),
                      plane = p.rows.quotient(row);
  const auto part_count = static_cast<int>(parts.divisor);
  const auto part = static_cast<int>(blockIdx.x - i * static_cast<std::uint32_t>(parts.divisor));
  const PoolWindow h = window_of(static_cast<int>(row) - static_cast<int>(plane) * p.oh, p.ih, p.oh, p.kh,
                                 p.stride_h, p.pad_h, p.dilation_h, p.adaptive);
  const PoolWindow w = window_of(static_cast<int>(i - row * static_cast<std::uint32_t>(p.ow)), p.iw, p.ow,
                                 p.kw, p.stride_w, p.pad_w, p.dilation_w, p.adaptive);
  const T* from = x + (static_cast<std::int64_t>(plane) * p.ih + h.begin) * p.iw + w.begin;
  int columns = (w.end - w.begin + p.dilation_w - 1) / p.dilation_w;
  int rows = (h.end - h.begin + p.dilation_h - 1) / p.dilation_h;
  const int tid = static_cast<int>(threadIdx.x);
  float value = pool_start<kMax>();
  if (columns == p.iw && p.dilation_w == 1 && p.dilation_h == 1) {
    columns *= rows;
    const int length = (columns / part_count / 8 + 1) * 8;  // of a part but the last
    const int begin = min(part * length, columns), end = min(begin + length, columns);
    value = pool_run<kMax>(value, from + begin, end - begin, tid, 256);
  } else {
    for (int line = tid / lanes; line < rows; line += 256 / lanes) {
      const T* const at = from + static_cast<std::int64_t>(line) * p.dilation_h * p.iw;
      if (p.dilation_w == 1) {
        value = pool_run<kMax>(value, at, columns, tid % lanes, lanes);
      } else {
        for (int c = tid % lanes; c < columns; c += lanes)
          value = pool_join<kMax>(value, to_float(at[static_cast<std::int64_t>(c) * p.dilation_w]));
      }
    }
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2)
    value = pool_join<kMax>(value, __shfl_xor_sync(0xffffffffu, value, lane));
  if (tid % 32 == 0) joined[tid / 32] = value;
  __syncthreads();
  if (tid > 0) return;
  for (int warp = 1; warp < 8; ++warp)
    value = pool_join<kMax>(value, joined[warp]);
  if (part_count > 1) {
    partial[blockIdx.x] = value;
  } else {
    y[i] = from_float<T>(pool_finish<kMax>(p, h, w, value));
  }
}

/// Joins the parts of windows that are whole planes, a thread an output.
template <class T, bool kMax>
__global__ void __launch_bounds__(256)
    pool2d_parts(const float* partial, T* y, std::uint32_t count, int parts, PoolArguments p) {
  const std::uint32_t i = blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  float value = pool_start<kMax>();
  for (int part = 0; part < parts; ++part)
    value = pool_join<kMax>(value, partial[static_cast<std::int64_t>(i) * parts + part]);
  const PoolWindow h{0, p.ih, p.ih}, w{0, p.iw, p.iw};
  y[i] = from_float<T>(pool_finish<kMax>(p, h, w, value));
}

}  // namespace upconv::kernels::cuda::device
