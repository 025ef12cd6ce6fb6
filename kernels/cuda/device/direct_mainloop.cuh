#pragma once

#include <upconv/kernels/cuda/device/direct_epilogue.cuh>
#include <upconv/kernels/cuda/device/direct_producer.cuh>
#include <upconv/kernels/cuda/device/direct_split.cuh>

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

/// The terms of a product of sums: a small one is a product with a low part.
enum class Terms { all, large, small };

/// The products of one chunk for every kw. `taps`: descriptor of the chunk's first weights. With Terms::all
/// they are added to acc, else they replace it.
template <class Traits, Terms kTerms>
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
#pragma unroll
  for (int kw = 0; kw < Traits::kKw; ++kw) {
    if constexpr (kTerms == Terms::small) {
      product(0, kw, 1, 0, kw > 0);
      product(0, kw, 0, 1, 1);
    } else {
#pragma unroll
      for (int block = 0; block < Traits::kBlocks; ++block)
        product(block, kw, 0, 0, kTerms == Terms::all || kw > 0);
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
  const int weight_exponent = Traits::kPairs ? p.weight_exponents[blockIdx.y] : 0;
  constexpr int kChunkElements = Traits::kChunkBytes / static_cast<int>(sizeof(typename Traits::Element));
  constexpr int kSlot = Traits::kCo / 2;  // registers of one kh
  constexpr int kStepTaps = Traits::kKw * Traits::kTapBytes / 16;

  const std::uint32_t zero =
      static_cast<std::uint32_t>(p.items) >> 31;  // items are not negative; only we know

  float acc[Traits::kBlocks][Traits::kN / 2];  // [64 pixels][kh][co]: output rows ih + lead_h - kh
  float sum[Traits::kBlocks][Traits::kN / 2];  // fp32: acc is emptied into it after every batch of products
  auto& rows = *(Traits::kSplit ? &sum : &acc);
  Operands<Traits> operands;
  Split<Traits> split;
  RingCursor at;

  // What is left to do for a row whose products are done: it waits until the next row's run. Sums in
  // accumulators have to make room at once, and wait as finished values.
  enum class Due { nothing, move, store };
  Due due = Due::nothing;
  FinishedRow<Traits> finished;
  OutputRun<Traits> out;

  // The next input row is the kh + 1 of every output row under way. Moved by an instruction that is not a
  // move: moves the compiler makes ahead of what still reads, through registers it does not have.
  const auto move_up = [&] {
#pragma unroll
    for (int kh = Traits::kKh - 1; kh >= 0; --kh) {
#pragma unroll
      for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
        for (int i = kh * kSlot; i < (kh + 1) * kSlot; ++i)
          rows[block][i] = kh > 0 ? __uint_as_float(__float_as_uint(rows[block][i - kSlot]) | zero) : 0.0f;
      }
    }
  };
  const auto finish = [&] {
    return finish_row<Traits>(shared, rows, p.kh == Traits::kKh, lane, static_cast<Epilogue>(p.activation));
  };
  // What may stand among the products: for accumulators, only what has no branch.
  const auto settle_early = [&] {
    if constexpr (Traits::kSplit) {
      if (due == Due::nothing) return;
      if (due == Due::store) {
        const FinishedRow<Traits> row = finish();
        if (p.vectors) {
          store_vectors<Traits>(row, out, true);
        } else {
          store_elements<Traits>(row, out, lane);
        }
        out.y += p.ow;
      }
      move_up();
      due = Due::nothing;
    } else {
      const bool now = due == Due::store && p.vectors;
      store_vectors<Traits>(finished, out, now);
      out.y += now ? p.ow : 0;
      due = now ? Due::nothing : due;
    }
  };
  const auto settle_late = [&] {
    if (Traits::kSplit || due == Due::nothing) return;
    store_elements<Traits>(finished, out, lane);
    out.y += p.ow;
    due = Due::nothing;
  };
  const auto settle = [&] {
    settle_early();
    settle_late();
  };
  const auto end_row = [&](bool complete) {
    if constexpr (Traits::kSplit) {
      due = complete ? Due::store : Due::move;
    } else {
      if (complete) {
        finished = finish();
        due = Due::store;
      }
      move_up();
    }
  };

  const auto load = [&](Window<Traits>& window) {
    barrier_wait(shared.full[consumer][at.stage], at.parity);
    const auto* run = ring + at.stage * kChunkElements;
    if (p.aligned) {
      load_vectors<Traits>(window, run);
    } else {
      load_elements<Traits>(window, run);
    }
  };
  // Makes numbers for the matrix units of the window, in place, and gives the stage back unless another pass
  // needs it. Every load's result goes into the address: else the arrival overtakes loads that wait for the
  // products' own reads, and the copy engine overwrites what they are to read.
  const auto convert_and_release = [&](Window<Traits>& window) {
    const std::uint32_t bits = split.apply(window, consumer);
    if (split.more) return;
    __syncwarp();
    if (lane == 0) barrier_arrive(shared.empty[consumer][at.stage], bits & zero);
    at.advance(p.stages);
  };
  const auto wait_for_products = [&] {
    products_wait<0>();
    pin_all<Traits>(acc);
    pin_all<Traits>(operands);
  };
  // Multiplies the operands while the next ones are read and converted.
  const auto advance = [&](int step) {
    std::uint64_t taps = weights + static_cast<std::uint64_t>(step * kStepTaps);
    asm volatile("" : "+l"(taps));  // else every descriptor of the loop is kept in a register of its own
    Window<Traits> window;
    load(window);
    pin_all<Traits>(acc);
    if constexpr (Traits::kSplit) {
      // The small products first, and the large ones apart: the units truncate when they add to a large sum.
      multiply<Traits, Terms::small>(acc, operands, taps);
      const int exponent = split.exponent + weight_exponent;  // of the operands that multiply now
      settle_early();
      convert_and_release(window);
      wait_for_products();
      add_scaled(sum[0], acc[0], Traits::kPairs ? exponent - 11 : exponent);
      pin_all<Traits>(acc);
      multiply<Traits, Terms::large>(acc, operands, taps);
      wait_for_products();
      add_scaled(sum[0], acc[0], exponent);
    } else {
      multiply<Traits, Terms::all>(acc, operands, taps);
      settle_early();
      convert_and_release(window);
      wait_for_products();
      settle_late();
    }
    make_operands<Traits>(operands, window);
  };

  {
    Window<Traits> window;
    load(window);
    convert_and_release(window);
    make_operands<Traits>(operands, window);
  }
  barrier_wait(shared.weights, 0);
  for (int index = worker; index < p.items; index += workers) {
    const DirectItem item = item_at<Traits>(p, index);
    settle();
    out = OutputRun<Traits>(p, item, group, co0, warp, lane);
#pragma unroll
    for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
      for (int i = 0; i < Traits::kN / 2; ++i)
        rows[block][i] = 0.0f;
    }
#pragma unroll 1
    for (int row = 0; row < item.rows + p.kh - 1; ++row) {
      const int ih = item.oh0 - p.lead_h + row;
      if (ih >= 0 && ih < p.ih) {
        int step = 0;
        do {
          const bool last_pass = !split.more;
          advance(step);
          step += last_pass;
        } while (step < p.steps);
      } else {
        settle();
      }
      end_row(row >= p.kh - 1);
    }
  }
  settle();
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
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
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
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    consume<Traits>(shared, p, role - 1, group, co0, blockIdx.x * Traits::kConsumers + role - 1, workers);
  }
}

}  // namespace upconv::kernels::cuda::device
