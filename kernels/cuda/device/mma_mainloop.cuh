#pragma once

#include <upconv/kernels/cuda/device/mma_epilogue.cuh>
#include <upconv/kernels/cuda/device/mma_fragment.cuh>
#include <upconv/kernels/cuda/device/mma_producer.cuh>
#include <upconv/kernels/cuda/device/plain_output.cuh>

// The direct convolution with stride 1 for every GPU from compute capability 8.0 on: nothing is materialised,
// no workspace, weights packed once. Kernels of up to 7 x 7, even or odd, by one code: their sizes are
// arguments.
//
// Idea. An implicit matrix product, output-stationary. A warp owns a row of 64 pixels in 32 channels (4 x 4
// products of 16 x 8). For each chunk of 8 input channels (16 but in TF32) and each kh it reads its input row
// from shared memory once, rounds or splits it, and multiplies it for every kw: a thread's rows of the
// products are consecutive pixels, so that its operand of the next kw is its own registers, one pixel further
// on. The loop over kw is unrolled for 7 and left early.
//
// Tiling. A block of 4 warps owns 4 rows x 64 columns x 32 channels. cp.async brings a chunk's 4 + kh - 1
// rows of 72 columns while the chunk before is multiplied, and the weights of the next rows of taps (as many
// as make 9 taps at most, in fp32 8) while those before are, in the order in which the threads take them. 3x7
// in TF32 takes 42 KB of shared memory and 168 registers, so that three blocks share a multiprocessor and
// hide each other's barriers; 7x7 takes 65 KB at most, in fp32 98, which the GPUs with the least (99 KB)
// have. Tiles for few channels and for small images: direct_mma.cpp.
//
// fp32. Every operand is a sum of three bf16 numbers, without loss; six of the nine products matter, at half
// the cost of TF32's, on 32 columns. The units truncate when they add, so the small ones are added up apart,
// the large ones in two chains, and all are emptied into ordinary fp32 additions after every row of a chunk.
// Four products of TF32 pairs took 4.1 ms on the flagship and lose the last of 24 bits. With the small ones
// in the large ones' first chain sums of few products erred 1.9 times as much as a plain loop; apart 1.1
// times, in the same 3.5 ms.
//
// What binds, 3x7 in TF32: a warp's 112 products of a row and chunk stand against 11 KB read from shared
// memory (4 of pixels, 7 of weights, without bank conflicts). Four warps take 352 of its clocks, and the
// matrix units 896 on an A100, where a product takes 8; about 280 instructions are issued beside 112
// products. A block fetches 55 KB of input and 86 KB of weights, mostly from L2: 2.3 GB for the flagship, of
// which 1.07 GB come from memory or go there.
//
// Flagship, n8 32->32 512x1024 k3x7 (180 GFLOP), H200, where mma.sync reaches about 60 % of wgmma's rate:
// predicted 0.75 ms in tf32, 0.40 ms in f16 and bf16, 2.3 ms in fp32; measured 1.26, 0.72 and 3.5 ms,
// where PyTorch's NCHW takes 2.0, 1.5 and 8.3 ms.
namespace upconv::kernels::cuda::device {

/// The B operands of a tap: one part of every fragment. `from`: the tap's weights.
template <class Traits>
__device__ __forceinline__ void load_tap(uint2 (&b)[Traits::kFragments], const unsigned char* from, int part,
                                         int lane) {
#pragma unroll
  for (int f = 0; f < Traits::kFragments; ++f)
    b[f] = *reinterpret_cast<const uint2*>(from + (f * Traits::kParts + part) * Traits::kFragmentBytes +
                                           lane * 8);
}

template <class Traits>
using MmaSums = float[Traits::kBlocks][Traits::kFragments][4];

template <class Traits>
__device__ __forceinline__ void multiply_tap(MmaSums<Traits>& sums,
                                             const std::uint32_t (&a)[MmaOperands<Traits>::kCount][4], int kw,
                                             const uint2 (&b)[Traits::kFragments]) {
#pragma unroll
  for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
    for (int f = 0; f < Traits::kFragments; ++f)
      warp_product<Traits::kOperand>(sums[block][f], a[kw + block], b[f]);
  }
}

/// Calls multiply(kw, b) for each kw from kFirst on, below kEnd and `count`, one part of the tap's weights at
/// hand; they are read one tap ahead.
template <class Traits, int kFirst = 0, int kEnd = Traits::kMaxKw, class Multiply>
__device__ __forceinline__ void for_each_tap(const unsigned char* taps, int count, int part, int lane,
                                             Multiply&& multiply) {
  uint2 b[2][Traits::kFragments];
  load_tap<Traits>(b[kFirst % 2], taps + kFirst * Traits::kTapBytes, part, lane);
#pragma unroll
  for (int kw = kFirst; kw < kEnd; ++kw) {
    if (kw + 1 < kEnd && kw + 1 < count)
      load_tap<Traits>(b[(kw + 1) % 2], taps + (kw + 1) * Traits::kTapBytes, part, lane);
    multiply(kw, b[kw % 2]);
    if (kw + 1 >= count) break;
  }
}

/// One row of a chunk with one row of taps. `row`: [channel][pitch]. `scales`: the block's, of its weights.
template <class Traits>
__device__ __forceinline__ void multiply_row(MmaSums<Traits>& sums, const unsigned char* row,
                                             const unsigned char* taps, const float* scales, int kw,
                                             int shift, int lane, UnknownZeros zeros) {
  MmaWindow<Traits> window;
  MmaOperands<Traits> operands;
  load_window<Traits>(window, row, lane);
  if constexpr (Traits::kSplit) {
    const float unscale = scale_for_split<Traits>(window);
    make_operands<Traits, 0>(operands, window, zeros);
    // Both scales at once. Where that is no longer a normal float, scaled pixels are below 1 and scaled
    // weights below 2^-23: their 112 products are below 2^-16, and what the factor loses is far below the
    // least float.
    const auto add = [&](const MmaSums<Traits>& products) {
#pragma unroll
      for (int f = 0; f < Traits::kFragments; ++f) {
        const float2 scale = *reinterpret_cast<const float2*>(scales + 8 * f + 2 * (lane % 4));
        const float factors[2] = {scale.x * unscale, scale.y * unscale};
#pragma unroll
        for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
          for (int i = 0; i < 4; ++i)
            sums[block][f][i] = fmaf(products[block][f][i], factors[i % 2], sums[block][f][i]);
        }
      }
    };
    // The units truncate when they add. So the small products are added up apart from the large ones, and
    // those, which may be all of a sum, in two chains.
    constexpr int kCut = (Traits::kMaxKw + 1) / 2;
    {
      MmaSums<Traits> small = {};
      for_each_tap<Traits>(taps, kw, 2, lane, [&](int k, const auto& low) {
        multiply_tap<Traits>(small, operands.a[0], k, low);
      });
      for_each_tap<Traits>(taps, kw, 1, lane, [&](int k, const auto& middle) {
        multiply_tap<Traits>(small, operands.a[1], k, middle);
        multiply_tap<Traits>(small, operands.a[0], k, middle);
      });
      for_each_tap<Traits>(taps, kw, 0, lane, [&](int k, const auto& high) {
        multiply_tap<Traits>(small, operands.a[2], k, high);
        multiply_tap<Traits>(small, operands.a[1], k, high);
      });
      add(small);
    }
    {
      MmaSums<Traits> large = {};
      for_each_tap<Traits, 0, kCut>(taps, kw, 0, lane, [&](int k, const auto& high) {
        multiply_tap<Traits>(large, operands.a[0], k, high);
      });
      add(large);
    }
    if (kw > kCut) {
      MmaSums<Traits> large = {};
      for_each_tap<Traits, kCut>(taps, kw, 0, lane, [&](int k, const auto& high) {
        multiply_tap<Traits>(large, operands.a[0], k, high);
      });
      add(large);
    }
  } else {
    if (!Traits::kHalves || shift == 0) {
      make_operands<Traits, 0>(operands, window, zeros);
    } else if constexpr (Traits::kHalves) {
      make_operands<Traits, 1>(operands, window, zeros);
    }
    for_each_tap<Traits>(taps, kw, 0, lane,
                         [&](int k, const auto& b) { multiply_tap<Traits>(sums, operands.a[0], k, b); });
  }
}

/// fp32: sums that read an infinity are NaN. Where a warp has such a sum it computes those outputs once more.
template <class Traits>
__device__ __forceinline__ void mend_infinities(const MmaShared<Traits>& shared,
                                                const MmaArguments<typename Traits::Element>& p,
                                                const MmaTile& tile, int row, const MmaSums<Traits>& sums) {
  bool has_nan = false;
#pragma unroll
  for (const auto& block : sums) {
#pragma unroll
    for (const auto& fragment : block) {
#pragma unroll
      for (const float sum : fragment)
        has_nan = has_nan || sum != sum;
    }
  }
  if (!__any_sync(0xffffffffu, has_nan)) return;
  __syncwarp();  // the warp has stored its outputs
  compute_nans_plainly(
      p, PlainTaps{p.kh, p.kw, p.lead_h, p.lead_w},
      OutputBox{tile.n, tile.group, tile.co0, Traits::kCo, tile.oh0 + row, 1, tile.ow0, Traits::kPixels},
      shared.constants, static_cast<int>(threadIdx.x % 32), 32,
      [&](float sum, const ChannelConstants& c, std::int64_t at) {
        return p.epilogue.template finish<float>(sum, c, at);
      });
}

/// Grid: a block for each tile.
template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads, Traits::kBlocksPerProcessor)
    direct_mma(const __grid_constant__ MmaArguments<typename Traits::Element> p) {
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<MmaShared<Traits>*>(memory);
  static_assert(sizeof(MmaShared<Traits>) <= MmaShared<Traits>::kHeaderBytes);
  const MmaTile tile = mma_tile_at<Traits>(p, static_cast<int>(blockIdx.x));
  const MmaInput<Traits> input(p, tile);
  const int shift = MmaInput<Traits>::shift(p);
  const int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
  const UnknownZeros zeros = {static_cast<std::uint32_t>(p.groups) >> 31,
                              static_cast<std::uint32_t>(p.co) >> 31};  // neither is negative
  const bool active = tile.oh0 + warp < p.oh;

  load_epilogue<Traits>(shared, p, tile);
  fetch_weights<Traits>(shared.weights(0, p), p, tile, 0, 0, min(p.step_rows, p.kh) * p.kw);
  commit_copies();
  input.fetch(shared.input(0, p.kh), 0);
  commit_copies();

  MmaSums<Traits> sums = {};
  int which = 0;  // of the weights' buffers
#pragma unroll 1
  for (int chunk = 0; chunk < p.chunks; ++chunk) {
    const unsigned char* rows = shared.input(chunk % 2, p.kh);
#pragma unroll 1
    for (int kh0 = 0; kh0 < p.kh; kh0 += p.step_rows) {
      // A step commits two groups: the next step's weights, then the next chunk's input, or nothing.
      if (kh0 == 0) {
        wait_for_copies<0>();
      } else {
        wait_for_copies<1>();
      }
      __syncthreads();  // what was fetched is there for all; what was read before may be overwritten
      const int kh1 = min(kh0 + p.step_rows, p.kh);
      const bool same_chunk = kh1 < p.kh;
      if (same_chunk || chunk + 1 < p.chunks) {
        const int next = same_chunk ? kh1 : 0;
        fetch_weights<Traits>(shared.weights(which ^ 1, p), p, tile, same_chunk ? chunk : chunk + 1,
                              next * p.kw, (min(next + p.step_rows, p.kh) - next) * p.kw);
      }
      commit_copies();
      if (kh0 == 0 && chunk + 1 < p.chunks) input.fetch(shared.input((chunk + 1) % 2, p.kh), chunk + 1);
      commit_copies();

      const unsigned char* taps = shared.weights(which, p);
#pragma unroll 1
      for (int kh = kh0; kh < kh1; ++kh, taps += p.kw * Traits::kTapBytes) {
        const int ih = tile.oh0 - p.lead_h + warp + kh;
        if (!active || ih < 0 || ih >= p.ih) continue;
        multiply_row<Traits>(sums, rows + (warp + kh) * Traits::kRowBytes, taps, shared.scales, p.kw, shift,
                             lane, zeros);
      }
      which ^= 1;
    }
  }
  if (!active) return;
  store_row<Traits>(shared, p, tile, warp, sums);
  if constexpr (Traits::kSplit) mend_infinities<Traits>(shared, p, tile, warp, sums);
}

}  // namespace upconv::kernels::cuda::device
