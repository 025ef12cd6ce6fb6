#pragma once

#include <upconv/kernels/cuda/device/direct_epilogue.cuh>
#include <upconv/kernels/cuda/device/direct_fragment.cuh>
#include <upconv/kernels/cuda/device/direct_producer.cuh>

// The direct convolution with stride 1 for sm_90a: nothing is materialised, no workspace, weights packed
// once.
//
// Idea. Scatter along kh in registers, gather along kw by naming other registers. An input row feeds kKh
// output rows, one for each kh; their partial sums are kKh groups of columns of one accumulator, so that one
// product of N = kKh * kCo columns serves every kh, and after each row the groups move up by one. A thread's
// rows of the product are consecutive pixels, so that its operand of the next kw is its own registers, one
// pixel further on: a chunk (8 channels, 16 of 16 bits, of one input row) is read from shared memory, rounded
// or split once, and multiplied for every kw and kh.
//
// Tiling. A block of 384 threads: two warpgroups that multiply, each with a strip of 128 output columns (64
// in fp32 and for narrow images) and a ring of its own, and one whose threads fetch: one thread by the copy
// engine, or 64 by ordinary copies for rows that are not multiples of 16 bytes. Persistent: 132 blocks share
// the strips' row ranges, kKh - 1 rows of a range are computed twice. All weights of the block's output
// channels stay in shared memory, 86 KB for 32 -> 32, 3x7 in TF32. fp32 is three TF32 products (small ones
// first); its accumulator is emptied into ordinary fp32 additions after every chunk.
//
// Flagship, n8 32->32 512x1024 k3x7 (180 GFLOP), H200, CUDA 13.0, driver 580, medians, random normal inputs:
//
//           predicted   measured       tensor pipe busy      shared memory   DRAM
//   tf32    0.44 ms     0.49-0.50 ms   79 %, 1.72-1.76 GHz   50 %            1.055 GB
//   f16     0.24 ms     0.27-0.29 ms   75 %, 1.68 GHz        48 %            0.515 GB
//   bf16    0.24 ms     0.27-0.28 ms
//   fp32    1.30 ms     1.30-1.35 ms   89 %, 1.78 GHz        50 %            1.054 GB
//
// 128 of 132 multiprocessors have work (3 %), and the GPU is at its power limit, below its 1.98 GHz.
//
// Tried and lost, in TF32 ms on the flagship:
//   - A operands of two chunks in registers (64 of them), rounding the next while the last multiplies:
//     0.60 against 0.51.
//   - Bias and activation branched per channel, stores that reuse four registers: 0.52 against 0.49 (f16
//     0.319 against 0.277): the end of a row was 1400 of its 7000 clocks.
//   - Named barriers by which the two warpgroups take turns to issue: 0.494 against 0.494-0.502; not worth
//     a protocol.
//   - N = 32 for each kh apart, shifted reads for every kw (the first study): 0.65 at the same rounding.
// A product costs N / 2 clocks from N = 32 on and never fewer than 13 (measured, A in registers, two
// warpgroups).
namespace upconv::kernels::cuda::device {

/// The products of one chunk for every kw. `taps`: descriptor of the chunk's first weights.
template <class Traits>
__device__ __forceinline__ void multiply(float (&acc)[Traits::kBlocks][Traits::kN / 2],
                                         const Operands<Traits>& operands, std::uint64_t taps) {
  constexpr int kTap = Traits::kTapBytes / 16;
  using Instruction = Product<Traits::kOperand, Traits::kN>;
  const auto product = [&](int block, int kw, int part, int weight_part, int accumulate) {
    const auto& a = operands.a[part][kw + block];
    Instruction::run(acc[block], a[0], a[1], a[2], a[3],
                     taps + static_cast<std::uint64_t>(kw * kTap + weight_part * (kTap / Traits::kParts)),
                     accumulate);
  };
  products_begin();
  if constexpr (Traits::kSplit) {
    // The small products first, then the large ones: the units truncate when they add to a large sum.
#pragma unroll
    for (int kw = 0; kw < Traits::kKw; ++kw) {
      product(0, kw, 1, 0, kw > 0);
      product(0, kw, 0, 1, 1);
    }
#pragma unroll
    for (int kw = 0; kw < Traits::kKw; ++kw)
      product(0, kw, 0, 0, 1);
  } else {
#pragma unroll
    for (int kw = 0; kw < Traits::kKw; ++kw) {
#pragma unroll
      for (int block = 0; block < Traits::kBlocks; ++block)
        product(block, kw, 0, 0, 1);
    }
  }
  products_commit();
}

template <class Traits>
__device__ __forceinline__ void pin_all(float (&acc)[Traits::kBlocks][Traits::kN / 2]) {
#pragma unroll
  for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
    for (int i = 0; i < Traits::kN / 2; ++i)
      pin(acc[block][i]);
  }
}

template <class Traits>
__device__ __forceinline__ void pin_all(Operands<Traits>& operands) {
#pragma unroll
  for (int part = 0; part < Traits::kParts; ++part) {
#pragma unroll
    for (int i = 0; i < Traits::kKw + Traits::kBlocks - 1; ++i) {
#pragma unroll
      for (int r = 0; r < 4; ++r)
        pin(operands.a[part][i][r]);
    }
  }
}

/// fp32: chunks of which a warp's pixels are all tiny are scaled up before they are split, since the low part
/// of a number near the denormals is not a TF32 number; the products are scaled back as they are added up.
template <class Traits>
struct SplitScale {
  bool tiny = false;
  float inverse = 1.0f;

  /// `bits`: of all the thread's elements, or'ed.
  __device__ __forceinline__ void choose(std::uint32_t bits) {
    tiny = __all_sync(0xffffffffu, (bits & 0x60000000u) == 0);  // all magnitudes below 2^-63
    inverse = tiny ? 0x1p-63f : 1.0f;
  }
  __device__ __forceinline__ void apply(Window<Traits>& window) const {
    if (!tiny) return;
#pragma unroll
    for (auto& channel : window.x) {
#pragma unroll
      for (std::uint32_t& x : channel)
        x = __float_as_uint(__uint_as_float(x) * 0x1p63f);
    }
  }
};

template <class Traits>
__device__ __forceinline__ void consume(DirectShared<Traits>& shared, const DirectArguments& p, int consumer,
                                        int group, int co0, int worker, int workers) {
  const int thread = threadIdx.x % 128, lane = thread % 32;
  const int warp = __shfl_sync(0xffffffffu, thread / 32, 0);
  const int column =
      warp * (Traits::kPixels / 4) + lane / 4 * Traits::kRun;  // of the thread's run in the strip
  const auto* ring = reinterpret_cast<const typename Traits::Element*>(shared.ring(consumer, p.stages)) +
                     lane % 4 * Traits::kPitch + p.shift + column;
  const std::uint64_t weights = matrix_descriptor(shared.weight_tile(p.stages), Traits::kN * 16);
  constexpr int kChunkElements = Traits::kChunkBytes / static_cast<int>(sizeof(typename Traits::Element));
  constexpr int kSlot = Traits::kCo / 2;  // registers of one kh
  constexpr int kStepTaps = Traits::kKw * Traits::kTapBytes / 16;

  const std::uint32_t zero =
      static_cast<std::uint32_t>(p.items) >> 31;  // items are not negative; only we know

  float acc[Traits::kBlocks][Traits::kN / 2];  // [64 pixels][kh][co]: output rows ih + lead_h - kh
  float sum[Traits::kBlocks][Traits::kN / 2];  // fp32: acc is emptied into it after every chunk
  Operands<Traits> operands;
  RingCursor at;
  SplitScale<Traits> scale;

  const auto load = [&](Window<Traits>& window) {
    barrier_wait(shared.full[consumer][at.stage], at.parity);
    load_window<Traits>(window, ring + at.stage * kChunkElements);
  };
  // Gives the stage back. Every load's result goes into the address: else the arrival overtakes loads that
  // wait for the products' own reads, and the copy engine overwrites what they are to read.
  const auto release = [&](const Window<Traits>& window) {
    const std::uint32_t bits = any_bits<Traits>(window);
    __syncwarp();
    if (lane == 0) barrier_arrive(shared.empty[consumer][at.stage], bits & zero);
    at.advance(p.stages);
    return bits;
  };
  // Multiplies one chunk while the next one is read, then makes the next one's operands.
  const auto advance = [&](int step) {
    std::uint64_t taps = weights + static_cast<std::uint64_t>(step * kStepTaps);
    asm volatile("" : "+l"(taps));  // else every descriptor of the loop is kept in a register of its own
    Window<Traits> window;
    load(window);
    pin_all<Traits>(acc);
    multiply<Traits>(acc, operands, taps);
    const std::uint32_t bits = release(window);
    products_wait<0>();
    pin_all<Traits>(acc);
    pin_all<Traits>(operands);
    if constexpr (Traits::kSplit) {
      const float unscale = scale.inverse;
#pragma unroll
      for (int i = 0; i < Traits::kN / 2; ++i)
        sum[0][i] = fmaf(acc[0][i], unscale, sum[0][i]);
      scale.choose(bits);
      scale.apply(window);
    }
    make_operands<Traits>(operands, window);
  };
  auto& rows = *(Traits::kSplit ? &sum : &acc);

  {
    Window<Traits> window;
    load(window);
    const std::uint32_t bits = release(window);
    if constexpr (Traits::kSplit) {
      scale.choose(bits);
      scale.apply(window);
    }
    make_operands<Traits>(operands, window);
  }
  barrier_wait(shared.weights, 0);
  for (int index = worker; index < p.items; index += workers) {
    const DirectItem item = item_at<Traits>(p, index);
    OutputRun<Traits> out(p, item, group, co0, column, lane);
#pragma unroll
    for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
      for (int i = 0; i < Traits::kN / 2; ++i)
        rows[block][i] = 0.0f;
    }
#pragma unroll 1
    for (int row = 0; row < item.rows + Traits::kKh - 1; ++row) {
      const int ih = item.oh0 - p.lead_h + row;
      if (ih >= 0 && ih < p.ih) {
        int step = 0;
        do {
          advance(step);
        } while (++step < p.steps);
      }
      if (row >= Traits::kKh - 1) {
        if (p.vectors) {
          store_row<Traits, true>(shared, out, rows, lane, static_cast<Epilogue>(p.activation));
        } else {
          store_row<Traits, false>(shared, out, rows, lane, static_cast<Epilogue>(p.activation));
        }
        out.y += p.ow;
      }
      // The next input row is the kh + 1 of every output row under way. Moved by an instruction that is not a
      // move: moves the compiler makes ahead of the stores, through registers it does not have.
#pragma unroll
      for (int kh = Traits::kKh - 1; kh >= 0; --kh) {
#pragma unroll
        for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
          for (int i = kh * kSlot; i < (kh + 1) * kSlot; ++i)
            rows[block][i] = kh > 0 ? __uint_as_float(__float_as_uint(rows[block][i - kSlot]) | zero) : 0.0f;
        }
      }
    }
  }
}

/// Grid: x persistent blocks for each y = (group, tile of output channels).
template <class Traits>
__global__ void __launch_bounds__(Traits::kThreads, 1)
    direct_convolution(const __grid_constant__ CUtensorMap map, const __grid_constant__ DirectArguments p) {
  extern __shared__ __align__(1024) unsigned char memory[];
  auto& shared = *reinterpret_cast<DirectShared<Traits>*>(memory);
  static_assert(sizeof(DirectShared<Traits>) <= DirectShared<Traits>::kHeaderBytes);
  const int group = blockIdx.y / p.co_tiles;
  const int co0 = blockIdx.y % p.co_tiles * Traits::kCo;
  const int role = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);  // 0: producers
  const int workers = gridDim.x * Traits::kConsumers;

  if (threadIdx.x == 0) {
    for (int consumer = 0; consumer < Traits::kConsumers; ++consumer) {
      for (int stage = 0; stage < p.stages; ++stage) {
        barrier_init(shared.full[consumer][stage], p.boxes ? 1 : Traits::kProducerThreads);
        barrier_init(shared.empty[consumer][stage], Traits::kConsumerThreads / 32);
      }
    }
    barrier_init(shared.weights, 1);
    barrier_init_fence();
  }
  load_epilogue(shared, p, group, co0, threadIdx.x);
  __syncthreads();

  if (role == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 72;");
    const int thread = threadIdx.x % Traits::kProducerThreads;
    const int consumer = __shfl_sync(0xffffffffu, threadIdx.x / Traits::kProducerThreads, 0);
    const int worker = blockIdx.x * Traits::kConsumers + consumer;
    if (threadIdx.x == 0) {
      const int step_bytes = Traits::kKw * Traits::kTapBytes;
      const auto* from = static_cast<const unsigned char*>(p.weights) +
                         static_cast<std::int64_t>(blockIdx.y) * p.steps * step_bytes;
      unsigned char* to = shared.weight_tile(p.stages);
      barrier_arrive_expect(shared.weights, p.steps * step_bytes);
      for (int step = 0; step < p.steps; ++step)
        copy_block(to + step * step_bytes, from + step * step_bytes, step_bytes, shared.weights);
    }
    if (p.boxes) {
      if (thread == 0) produce_boxes<Traits>(shared, map, p, consumer, group, worker, workers);
    } else {
      produce_elements<Traits>(shared, p, consumer, group, worker, workers, thread);
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 216;");
    consume<Traits>(shared, p, role - 1, group, co0, blockIdx.x * Traits::kConsumers + role - 1, workers);
  }
}

}  // namespace upconv::kernels::cuda::device
