#pragma once

#include <upconv/framework/cuda_check.h>
#include <upconv/kernels/cuda/device/phase_map.cuh>
#include <upconv/kernels/cuda/epilogue.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// cuda.plain: every ordinary and transposed convolution, any parameter, any size; the last row of the table.
//
// Idea: one ordinary convolution per output phase (device/phase_map.cuh), so that a block's outputs share one
// list of taps. A block of 128 threads owns 512 pixels of a phase (counted over batch, rows and columns, so
// small images share a block) times kCo output channels of one group; a thread owns 4 pixels, 128 apart, and
// all kCo channels: 4 * kCo fp32 accumulators. Weights pass through shared memory in chunks of 32 taps x 8
// input channels x kCo, as floats, and are read back as broadcast float4s; inputs come through the L1 cache.
// With kCo = 8 a tap and channel costs 4 loads from L1, 2 from shared memory and 32 FMAs. What a tap adds to
// an address is the same for all pixels, so a thread keeps one offset a pixel.
// A pixel whose tap falls outside the image skips it, so a weight that is not finite never meets padding.
// The epilogue is applied to a sum where it is stored. Products are summed in one chain of fp32 FMAs.
//
// Measured on an H200, 8 x 32 x 512 x 1024 -> 32 channels, kernel (3, 7): 8.7 ms in f32, 9.1 in f16 and bf16;
// 20.7 TFLOP/s, 40 % of what cuBLAS reaches in fp32. Issue slots 67 % busy, FMA pipe 40 %, L1 38 %, DRAM 3 %.
// Lost: a pointer and a full address calculation for each pixel and tap; 166 registers, and slower.
namespace upconv::kernels::cuda::plain {

constexpr int kThreads = 128;
constexpr int kPixels = 4;                       // of a thread
constexpr int kTilePixels = kThreads * kPixels;  // of a block
constexpr int kChunkTaps = 32;
constexpr int kChunkCi = 8;

template <class T, class Index>
struct Params {
  const T* x;       // [n, groups * ci, ih, iw]
  const T* weight;  // [groups * co, ci, kh, kw], or [groups * ci, co, kh, kw] if transposed
  T* y;             // [n, groups * co, oh, ow]
  device::DeviceEpilogue epilogue;
  Index n, groups, ci, co;  // channels of one group
  Index ih, iw, oh, ow, kh, kw;
  Index stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  Index phases_h, phases_w, co_blocks, work;
  bool transposed;
  PaddingMode padding_mode;
};

/// The input index that padding reads for `i`, or one outside [0, size) for zero.
template <class Index>
__device__ Index padded_index(Index i, Index size, PaddingMode mode) {
  if (mode == PaddingMode::reflect) return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
  if (mode == PaddingMode::replicate) return i < 0 ? 0 : i >= size ? size - 1 : i;
  if (mode == PaddingMode::circular) return i < 0 ? i + size : i >= size ? i - size : i;
  return i;
}

/// acc[co] += x * w[co] for the kCo weights at `w`, which is aligned to 16 bytes if kCo is a multiple of 4.
template <int kCo>
__device__ void multiply_add(float (&acc)[kCo], float x, const float* w) {
  if constexpr (kCo % 4 == 0) {
#pragma unroll
    for (int co = 0; co < kCo; co += 4) {
      const float4 four = *reinterpret_cast<const float4*>(w + co);
      acc[co] = fmaf(x, four.x, acc[co]);
      acc[co + 1] = fmaf(x, four.y, acc[co + 1]);
      acc[co + 2] = fmaf(x, four.z, acc[co + 2]);
      acc[co + 3] = fmaf(x, four.w, acc[co + 3]);
    }
  } else {
#pragma unroll
    for (int co = 0; co < kCo; ++co)
      acc[co] = fmaf(x, w[co], acc[co]);
  }
}

/// Where a pixel of a phase stands: image and position in the phase's grid.
template <class Index>
struct Pixel {
  Index n, i, j;
};

template <class Index>
__device__ Pixel<Index> pixel_at(Index pixel, const device::PhaseAxis<Index>& h,
                                 const device::PhaseAxis<Index>& w) {
  const Index line = pixel / w.count;
  return {line / h.count, line % h.count, pixel % w.count};
}

/// The weights of one chunk as floats in shared memory, [tap][ci][co]; rows are padded so that filling them
/// meets few bank conflicts.
template <int kCo>
struct Chunk {
  static constexpr int kTapStride = kChunkCi * kCo + (kCo % 4 == 0 ? 4 : 1);
  alignas(16) float weights[kChunkTaps * kTapStride];
};

/// Fills a chunk: a thread keeps to one tap, so that neighbours read neighbouring taps. `weight` is that of
/// the block's first output channel and the chunk's first input channel.
template <int kCo, class T, class Index>
__device__ void fill(Chunk<kCo>& chunk, const T* weight, long long co_stride, long long ci_stride,
                     int co_count, int ci_count, Index tap_first, int tap_count,
                     const device::PhaseAxis<Index>& h, const device::PhaseAxis<Index>& w, Index kw) {
  const int t = threadIdx.x % kChunkTaps;
  if (t >= tap_count) return;
  const Index th = (tap_first + t) / w.taps, tw = (tap_first + t) % w.taps;
  const long long tap =
      static_cast<long long>(h.first_tap + th * h.tap_step) * kw + (w.first_tap + tw * w.tap_step);
#pragma unroll 4
  for (int e = threadIdx.x / kChunkTaps; e < kChunkCi * kCo; e += kThreads / kChunkTaps) {
    const int c = e / kCo, co = e % kCo;
    const bool real = c < ci_count && co < co_count;
    chunk.weights[t * Chunk<kCo>::kTapStride + e] =
        real ? device::to_float(weight[co * co_stride + c * ci_stride + tap]) : 0.0f;
  }
}

template <class T, int kCo, class Index>
__global__ void __launch_bounds__(kThreads, sizeof(Index) == 8 ? 2
                                            : kCo == 8         ? 4
                                            : kCo == 4         ? 6
                                                               : 8) convolve(const Params<T, Index> p) {
  // Of a pixel from the start of x, in elements. 32 bits are unsigned, to be added to a 64-bit address as is.
  using Offset = std::conditional_t<sizeof(Index) == 4, unsigned, long long>;
  using Unsigned = std::make_unsigned_t<Index>;
  __shared__ Chunk<kCo> chunk;
  __shared__ device::PhaseAxis<Index> axes[2];

  const long long in_plane = static_cast<long long>(p.ih) * p.iw;
  const long long out_plane = static_cast<long long>(p.oh) * p.ow;
  const long long kernel_taps = static_cast<long long>(p.kh) * p.kw;
  // weight(co, ci) starts at weight + co * co_stride + ci * ci_stride
  const long long co_stride = p.transposed ? kernel_taps : p.ci * kernel_taps;
  const long long ci_stride = p.transposed ? p.co * kernel_taps : kernel_taps;

  for (Index work = blockIdx.x; work < p.work; work += gridDim.x) {
    Index rest =
        work;  // channel blocks fastest: they read the same inputs; then phases: the same output lines
    const Index co_first = rest % p.co_blocks * kCo;
    rest /= p.co_blocks;
    const Index group = rest % p.groups;
    rest /= p.groups;
    const Index phase_w = rest % p.phases_w;
    rest /= p.phases_w;
    const Index phase_h = rest % p.phases_h;
    const Index tile_first = rest / p.phases_h * kTilePixels + static_cast<Index>(threadIdx.x);

    __syncthreads();  // nobody still reads the axes of the tile before
    if (threadIdx.x == 0) {
      axes[0] = p.transposed ? device::transposed_axis(phase_h, p.oh, p.kh, p.stride_h, p.pad_h, p.dilation_h)
                             : device::ordinary_axis(p.oh, p.kh, p.stride_h, p.pad_h, p.dilation_h);
    } else if (threadIdx.x == 32) {
      axes[1] = p.transposed ? device::transposed_axis(phase_w, p.ow, p.kw, p.stride_w, p.pad_w, p.dilation_w)
                             : device::ordinary_axis(p.ow, p.kw, p.stride_w, p.pad_w, p.dilation_w);
    }
    __syncthreads();
    const device::PhaseAxis<Index> h = axes[0], w = axes[1];
    const Index pixels = p.n * h.count * w.count;
    if (tile_first - static_cast<Index>(threadIdx.x) >= pixels) continue;  // later phases have fewer pixels

    const int co_count = static_cast<int>(p.co - co_first < kCo ? p.co - co_first : kCo);
    Index row[kPixels], column[kPixels];  // input position, but for what tap and phase add
    Offset base[kPixels];                 // the same as an offset into x
#pragma unroll
    for (int k = 0; k < kPixels; ++k) {  // past the last pixel: the last one once more, which is not stored
      const Index index = tile_first + k * kThreads;
      const Pixel<Index> pixel = pixel_at(index < pixels ? index : pixels - 1, h, w);
      row[k] = pixel.i * h.input_step;
      column[k] = pixel.j * w.input_step;
      base[k] = static_cast<Offset>((static_cast<Offset>(pixel.n) * p.groups + group) * p.ci * in_plane) +
                static_cast<Offset>(row[k]) * static_cast<Offset>(p.iw) + static_cast<Offset>(column[k]);
    }
    const T* weight = p.weight + (p.transposed ? group * p.ci * ci_stride : group * p.co * co_stride) +
                      co_first * co_stride;

    float acc[kPixels][kCo] = {};
    const Index taps = h.taps * w.taps;
    for (Index ci_first = 0; ci_first < p.ci; ci_first += kChunkCi) {
      const int ci_count = static_cast<int>(p.ci - ci_first < kChunkCi ? p.ci - ci_first : kChunkCi);
      for (Index tap_first = 0; tap_first < taps; tap_first += kChunkTaps) {
        const int tap_count = static_cast<int>(taps - tap_first < kChunkTaps ? taps - tap_first : kChunkTaps);
        __syncthreads();
        fill<kCo>(chunk, weight + ci_first * ci_stride, co_stride, ci_stride, co_count, ci_count, tap_first,
                  tap_count, h, w, p.kw);
        __syncthreads();
        Index th = tap_first / w.taps, tw = tap_first % w.taps;
        for (int t = 0; t < tap_count; ++t) {
          const Index down = h.first_input + th * h.input_per_tap;
          const Index right = w.first_input + tw * w.input_per_tap;
          const T* source = p.x + (ci_first * in_plane + static_cast<long long>(down) * p.iw + right);
          const float* tap_weights = chunk.weights + t * Chunk<kCo>::kTapStride;
          bool inside = true;
#pragma unroll
          for (int k = 0; k < kPixels; ++k) {
            inside = inside && static_cast<Unsigned>(row[k] + down) < static_cast<Unsigned>(p.ih) &&
                     static_cast<Unsigned>(column[k] + right) < static_cast<Unsigned>(p.iw);
          }
          if (inside) {
#pragma unroll 4
            for (int c = 0; c < ci_count; ++c) {
              float values[kPixels];
#pragma unroll
              for (int k = 0; k < kPixels; ++k)
                values[k] = device::to_float(__ldg(source + base[k]));
#pragma unroll
              for (int k = 0; k < kPixels; ++k)
                multiply_add(acc[k], values[k], tap_weights + c * kCo);
              source += in_plane;
            }
          } else {  // at a border, pixel by pixel
#pragma unroll
            for (int k = 0; k < kPixels; ++k) {
              const Index ih = padded_index<Index>(row[k] + down, p.ih, p.padding_mode);
              const Index iw = padded_index<Index>(column[k] + right, p.iw, p.padding_mode);
              if (ih < 0 || ih >= p.ih || iw < 0 || iw >= p.iw) continue;
              const T* at = source + base[k] +
                            (static_cast<long long>(ih - row[k] - down) * p.iw + (iw - column[k] - right));
              for (int c = 0; c < ci_count; ++c) {
                multiply_add(acc[k], device::to_float(__ldg(at)), tap_weights + c * kCo);
                at += in_plane;
              }
            }
          }
          if (++tw == w.taps) {
            tw = 0;
            ++th;
          }
        }
      }
    }

#pragma unroll
    for (int k = 0; k < kPixels; ++k) {
      const Index index = tile_first + k * kThreads;
      if (index >= pixels) continue;
      const Pixel<Index> pixel = pixel_at(index, h, w);
      const long long first = (static_cast<long long>(pixel.n) * p.groups + group) * p.co + co_first;
      T* out = p.y + first * out_plane +
               static_cast<long long>(h.first_output + pixel.i * h.output_step) * p.ow +
               (w.first_output + pixel.j * w.output_step);
#pragma unroll
      for (int co = 0; co < kCo; ++co) {
        if (co >= co_count) continue;  // no `break`: acc must stay in registers
        const long long channel = static_cast<long long>(group) * p.co + co_first + co;
        out[co * out_plane] = device::from_float<T>(p.epilogue.template finish<T>(
            acc[k][co], p.epilogue.template constants_of<T>(channel), out + co * out_plane - p.y));
      }
    }
  }
}

template <class T, int kCo, class Index>
void launch_as(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  const auto index = [](std::int64_t value) { return static_cast<Index>(value); };
  const std::int64_t phases_h = problem.transposed ? std::min(problem.stride_h, problem.oh()) : 1;
  const std::int64_t phases_w = problem.transposed ? std::min(problem.stride_w, problem.ow()) : 1;
  const std::int64_t rows = problem.transposed ? (problem.oh() - 1) / problem.stride_h + 1 : problem.oh();
  const std::int64_t columns = problem.transposed ? (problem.ow() - 1) / problem.stride_w + 1 : problem.ow();
  const std::int64_t tiles = (problem.n * rows * columns + kTilePixels - 1) / kTilePixels;
  const std::int64_t co_blocks = (problem.co_per_group() + kCo - 1) / kCo;
  const std::int64_t work = co_blocks * problem.groups * phases_h * phases_w * tiles;
  const Params<T, Index> params{.x = static_cast<const T*>(operands.x.raw()),
                                .weight = static_cast<const T*>(operands.weight.raw()),
                                .y = static_cast<T*>(operands.y.raw()),
                                .epilogue = device_epilogue(operands.epilogue),
                                .n = index(problem.n),
                                .groups = index(problem.groups),
                                .ci = index(problem.ci_per_group()),
                                .co = index(problem.co_per_group()),
                                .ih = index(problem.ih),
                                .iw = index(problem.iw),
                                .oh = index(problem.oh()),
                                .ow = index(problem.ow()),
                                .kh = index(problem.kh),
                                .kw = index(problem.kw),
                                .stride_h = index(problem.stride_h),
                                .stride_w = index(problem.stride_w),
                                .pad_h = index(problem.pad_h),
                                .pad_w = index(problem.pad_w),
                                .dilation_h = index(problem.dilation_h),
                                .dilation_w = index(problem.dilation_w),
                                .phases_h = index(phases_h),
                                .phases_w = index(phases_w),
                                .co_blocks = index(co_blocks),
                                .work = index(work),
                                .transposed = problem.transposed,
                                .padding_mode = problem.padding_mode};
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 30;
  launch_kernel(convolve<T, kCo, Index>, std::min(work, kMostBlocks), kThreads, ctx, params);
}

/// True if every index that the kernel forms, and every sum it forms of two, fits an int.
inline bool fits_32_bits(const ConvProblem& p) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 29;
  const auto small = [](auto... sizes) { return (1.0 * ... * static_cast<double>(sizes)) < kLimit; };
  // Output padding widens the phases' tiles by less than a stride; work counts a block for every phase.
  return small(p.n, p.ci, p.ih, p.iw) && small(p.n, p.co, p.oh() + p.stride_h, p.ow() + p.stride_w) &&
         small(p.ih + 2 * p.pad_h + p.pad_end_h + p.stride_h + p.dilation_h * p.kh) &&
         small(p.iw + 2 * p.pad_w + p.pad_end_w + p.stride_w + p.dilation_w * p.kw) && small(p.kh, p.kw);
}

/// The instance for the problem's size and output channels.
template <class T>
void launch_typed(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  if (!fits_32_bits(problem)) return launch_as<T, 4, long long>(problem, operands, ctx);
  if (problem.co_per_group() == 1) return launch_as<T, 1, int>(problem, operands, ctx);
  if (problem.co_per_group() <= 4) return launch_as<T, 4, int>(problem, operands, ctx);
  launch_as<T, 8, int>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::plain
