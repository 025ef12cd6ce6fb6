#pragma once

#include <upconv/kernels/cuda/device/direct_epilogue.cuh>
#include <upconv/kernels/cuda/device/direct_feed.cuh>
#include <upconv/kernels/cuda/device/direct_split.cuh>
#include <upconv/kernels/cuda/device/plain_output.cuh>

// The direct convolution with stride 1 for sm_90a: nothing is materialised, no workspace, weights packed
// once.
//
// Idea. Scatter along kh in registers, gather along kw by naming other registers. An input row feeds kKh
// output rows, one for each kh; their partial sums are kKh groups of columns of one accumulator, so that one
// product of N = kKh * kCo columns serves every kh, and after each row the groups move up by one. A thread's
// rows of the product are consecutive pixels, so that its operand of the next kw is its own registers, one
// pixel further on: a chunk (8 channels of one input row in TF32, else 16) is read from shared memory once
// and multiplied for every kw and kh.
//
// Tiling. A block of 384 to 640 threads: two warpgroups that multiply, three where registers suffice, each
// with a strip of 128 output columns (64 in fp32, and for narrow images) and a ring of its own, and feeders,
// who fetch the chunks, one thread by the copy engine or all by cp.async, and put right what the multiplying
// warpgroups cannot read as it lies (direct_feed.cuh, direct_split.cuh). Persistent: 132 blocks share the
// strips' row ranges, kKh - 1 rows of a range are computed twice. All weights of the block's output channels
// stay in shared memory, for 32 -> 32, 3x7 86 KB in TF32 and 154 KB in fp32.
//
// fp32. Every operand is h + (l + r) * 2^-11, scaled by a power of two: h and l in f16, and in e5m2 r, the
// bit that they have no room for. h*h, h*l and l*h are products of f16. What they miss, l*l, h*r and r*h, is
// needed to a few bits only: products of e5m2, at twice the rate. That is 4.5 times the work of f16. The
// small ones are added up first and emptied into ordinary fp32 sums, then h*h: the units truncate when they
// add, so no chain is longer than a chunk. Since the sums are not the accumulators, a row is stored while the
// next one's products run.
//
// Flagship, n8 32->32 512x1024 k3x7 (180 GFLOP), H200, CUDA 13.0, driver 580, random normal inputs. The GPU
// is at its power limit, so that half a second of it is slower than a burst; docs/results.md has PyTorch
// beside it.
//
// By ncu the tensor pipe, shared memory, DRAM and issue slots are busy, at this clock:
//
//           predicted   burst          half a second   tensor  shared  DRAM   issue   clock
//   tf32    0.44 ms     0.48-0.54 ms   0.56 ms         77 %            43 %   24 %    1.73 GHz
//   f16     0.24 ms     0.27-0.31 ms   0.32 ms         78 %    52 %    40 %   26 %    1.60 GHz
//   fp32    1.10 ms     1.15-1.26 ms   1.31 ms         77 %    56 %    19 %   32 %    1.71 GHz
//
// The profile of tf32 is older: of kernels whose arrivals waited for every load, see below.
//
// What is missing to the tensor pipe's rate: the two warpgroups' products meet and then leave it idle
// together; ends of rows, in f16 a quarter of a warpgroup's time by sampling; 128 of 132 multiprocessors have
// work (3 %); and rows that are computed twice (2 %).
//
// Tried and lost, in ms on the flagship:
//   - A operands of two chunks in registers (64 of them), rounding the next while the last multiplies: tf32
//     0.60 against 0.51.
//   - Bias and activation branched per channel, stores that reuse four registers: tf32 0.52 against 0.49, f16
//     0.319 against 0.277: the end of a row was 1400 of its 7000 clocks.
//   - A residual added at the end of a row: its loads, from 32 planes that each lie in a page of their own,
//   stall the
//     consumers. fp32 2.31 ms, tf32 1.02, f16 0.90; all of a row's loads at once, and the next row's called
//     to the L2: 2.16, 0.94, 0.75. A pass of its own takes some 0.4 ms in f32 and 0.2 in f16, beside 0.13 and
//     0.07 for the bytes.
//   - Named barriers by which the two warpgroups take turns to issue: tf32 0.494 against 0.494-0.502.
//   - N = 32 for each kh apart, shifted reads for every kw (the first study): tf32 0.65 at the same rounding.
//   - Finished rows kept in registers and stored, by predicated stores, while the next row's first products
//     run: tf32 0.65 against 0.60, f16 0.44 against 0.40, in the same run of an earlier state. 16 to 16
//     channels: f16 0.117 against 0.109, where three warpgroups give 0.100 to 0.107.
//   - TF32 and 16-bit tiles converted by the feeders too: f16 0.40 against 0.29. A feeder warp's chain of
//     instructions for a chunk is longer than the products' 1344 clocks.
//   - fp32 by three TF32 products: 1.51 against 1.04 by the three of f16 alone. Those split by the consumers
//     1.12, by 64 feeder threads a ring that share each tile 1.15, by 128 of them 1.00, by four warps with
//     tiles of their own 0.88; with h*r and r*h 1.11. Where few products are all of a sum these err more than
//     a plain loop, 2.4 times, with h*r and r*h 1.6 times; where products cancel pair by pair 4.9 and 2.5.
//   - h and l brought into e5m2's range by the consumers, a multiplication each: 1.23 to 1.28 against 1.22,
//     and kernel 1x7 0.77 against 0.71. Tiles are scaled to 2^9 so that their upper bytes will do.
//   - Arrivals whose address depends on every loaded word: fp32 1.45 against 1.31, f16 0.336 against 0.329.
//     Windows loaded ahead of the products: tf32 0.585 against 0.564, f16 0.329 against 0.318. (In turn, at
//     the power limit.)
//   - Slots that change roles instead of moving, with further copies of weights: ptxas moves all sums in and
//     out for every chunk, tf32 0.649 against 0.570; where it was kept from that, in f16, 0.314 against 0.317
//     in three times the code, and odd widths 0.62 against 0.46.
//   - Strips of 64 pixels with three or four warpgroups: f16 0.30 and 0.30 to 0.35 against 0.31.
//   - 16-bit rows of an odd width: every other one stored without shifts, half a store's instructions: 0.44
//     either way.
// A product costs N / 2 clocks from N = 32 on and never fewer than 13 (measured, A in registers, two
// warpgroups).
namespace upconv::kernels::cuda::device {

/// The terms of a product of sums: large is the product of the highest parts, the others are small.
enum class Terms { all, large, small };

/// The products of one chunk for every kw from kBegin to kEnd. `taps`: descriptor of the chunk's first
/// weights. With Terms::all they are added to acc, else they replace it.
template <class Traits, Terms kTerms, int kBegin = 0, int kEnd = Traits::kKw>
__device__ __forceinline__ void multiply(float (&acc)[Traits::kBlocks][Traits::kN / 2],
                                         const Operands<Traits>& operands, std::uint64_t taps) {
  constexpr int kTap = Traits::kTapBytes / 16;
  constexpr bool kReplace = kTerms != Terms::all;
  const auto product = [&]<Operand kOperand>(std::integral_constant<Operand, kOperand>, int part,
                                             int weight_part, bool first) {
#pragma unroll
    for (int kw = kBegin; kw < kEnd; ++kw) {
#pragma unroll
      for (int block = 0; block < Traits::kBlocks; ++block) {
        const auto& a = operands.a[part][kw + block];
        Product<kOperand, Traits::kN>::run(
            acc[block], a[0], a[1], a[2], a[3],
            taps + static_cast<std::uint64_t>(kw * kTap + weight_part * (Traits::kPartBytes / 16)),
            !(first && kReplace && kw == kBegin));
      }
    }
  };
  constexpr std::integral_constant<Operand, Traits::kOperand> kType;
  products_begin();
  // The smallest first.
  if constexpr (kTerms == Terms::small && Traits::kScaled) {
    // Units keep 14 bits of sums of e5m2 products, which is enough for these.
#pragma unroll
    for (int pair = 0; pair < Traits::kLowPairs; ++pair) {
      const auto& a = operands.low[pair];
      Product<Operand::e5m2, Traits::kN>::run(
          acc[0], a[0], a[1], a[2], a[3],
          taps + static_cast<std::uint64_t>(Traits::kKw * kTap + pair * (Traits::kPartBytes / 16)), pair > 0);
    }
    product(std::integral_constant<Operand, Operand::e5m2>(), 2, 2, false);
    product(kType, 1, 0, false);
    product(kType, 0, 1, false);
  } else if constexpr (kTerms == Terms::small) {
    product(kType, 2, 0, true);
    product(kType, 0, 2, false);
    product(kType, 1, 1, false);
    product(kType, 1, 0, false);
    product(kType, 0, 1, false);
  } else {
    product(kType, 0, 0, true);
  }
  products_commit();
}

template <int kBlocks, int kCount>
__device__ __forceinline__ void pin_all(float (&acc)[kBlocks][kCount]) {
#pragma unroll
  for (auto& block : acc) {
#pragma unroll
    for (float& x : block)
      pin(x);
  }
}

/// Of the parts from kFirst on and before kEnd, with the lower ones the numbers l.
template <int kFirst, int kEnd, class Traits>
__device__ __forceinline__ void pin_parts(Operands<Traits>& operands) {
#pragma unroll
  for (int part = kFirst; part < kEnd; ++part) {
#pragma unroll
    for (int i = 0; i < Traits::kKw + Traits::kBlocks - 1; ++i) {
#pragma unroll
      for (int r = 0; r < 4; ++r)
        pin(operands.a[part][i][r]);
    }
  }
  if constexpr (Traits::kScaled && kFirst > 0) {
#pragma unroll
    for (auto& low : operands.low) {
#pragma unroll
      for (std::uint32_t& r : low)
        pin(r);
    }
  }
}

/// sum += acc * 2^exponent, where 2^exponent itself may be no float.
template <int kBlocks, int kCount>
__device__ __forceinline__ void add_scaled(float (&sum)[kBlocks][kCount], float (&acc)[kBlocks][kCount],
                                           int exponent) {
  const int main = min(max(exponent, -126), 127);
  const int rest = exponent - main;
  const float factor = power_of_two(main);
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    if (rest != 0) {
      const float first = power_of_two(min(max(rest, -126), 127));
#pragma unroll
      for (float& x : acc[block])
        x *= first;
    }
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      sum[block][i] = fmaf(acc[block][i], factor, sum[block][i]);
  }
}

template <class Traits>
__device__ __forceinline__ void consume(DirectShared<Traits>& shared, const DirectArguments& p, int consumer,
                                        int group, int co0, int worker) {
  const int thread = threadIdx.x % 128, lane = thread % 32;
  const int warp = __shfl_sync(0xffffffffu, thread / 32, 0);
  const int column =
      warp * (Traits::kPixels / 4) + lane / 4 * Traits::kRun;  // of the thread's run in the strip
  const auto* ring = reinterpret_cast<const typename Traits::Element*>(shared.ring(consumer, p.stages)) +
                     lane % 4 * Traits::kPitch + p.offset + column;
  const auto* rests = reinterpret_cast<const std::uint32_t*>(shared.ring(consumer, p.stages)) +
                      Traits::kChunkBytes / 4 + lane % 4 * Traits::kRestPitch + (p.offset + column) / 2;
  const std::uint64_t weights = matrix_descriptor(shared.weight_tile(p.stages), Traits::kN * 16);
  const int weight_exponent = Traits::kScaled ? p.weight_exponents[blockIdx.y] : 0;
  constexpr int kStageElements = Traits::kStageBytes / static_cast<int>(sizeof(typename Traits::Element));
  constexpr int kSlot = Traits::kCo / 2;  // registers of one kh
  constexpr int kStepTaps = Traits::kStepBytes / 16;

  const std::uint32_t zero =
      static_cast<std::uint32_t>(p.items) >> 31;  // items are not negative; only we know

  float acc[Traits::kBlocks][Traits::kN / 2];    // [64 pixels][kh][co]: output rows ih + lead_h - kh
  float large[Traits::kBlocks][Traits::kN / 2];  // if apart, acc has the small products
  float rest[Traits::kBlocks][Traits::kN / 2];   // if cut, the large ones past the cut
  float sum[Traits::kBlocks][Traits::kN / 2];    // fp32: acc is emptied into it after every batch of products
  auto& rows = *(Traits::kSplit ? &sum : &acc);
  Operands<Traits> operands;
  TileNote note{};  // of the operands
  std::conditional_t<Traits::kScaled, RepeatingRingCursor, RingCursor> at(0);
  const bool arrives = lane == 0 || readers<Traits>(p) == Traits::kConsumerThreads;
  Barrier* filled = Traits::kSplit || p.realign ? shared.ready[consumer] : shared.full[consumer];

  // The next input row is the kh + 1 of every output row under way. Moved by an instruction that is not a
  // move: moves the compiler makes ahead of what still reads, through registers it does not have. Slot 0 is
  // dropped if it holds no tap: zero times infinity would be a NaN in an output that does not read it.
  std::uint32_t keep = p.full_height ? ~0u : 0u;
  asm volatile("" : "+r"(keep));
  const auto move_up = [&] {
#pragma unroll
    for (int kh = Traits::kKh - 1; kh >= 0; --kh) {
#pragma unroll
      for (int block = 0; block < Traits::kBlocks; ++block) {
#pragma unroll
        for (int i = kh * kSlot; i < (kh + 1) * kSlot; ++i) {
          const std::uint32_t before = kh > 0 ? __float_as_uint(rows[block][i - kSlot]) : 0;
          rows[block][i] = kh > 0 ? __uint_as_float(kh == 1 ? before & keep : before | zero) : 0.0f;
        }
      }
    }
  };
  const auto end_row = [&](OutputRun<Traits>& out, bool complete) {
    if (complete) {
      put_row<Traits>(shared, out, rows, lane, p);
      out.y += p.ow;
    }
    move_up();
  };
  // Sums that the products do not write to wait for their row's end until the next row's products run.
  enum class Due { nothing, move, store };
  Due due = Due::nothing;
  const auto settle = [&](OutputRun<Traits>& out) {
    if (!Traits::kSplit || due == Due::nothing) return;
    end_row(out, due == Due::store);
    due = Due::nothing;
  };

  int operands_stage = 0;  // where the operands were loaded from
  const auto load = [&](Window<Traits>& window) {
    at.wait(filled);
    const TileNote loaded = Traits::kSplit ? shared.notes[consumer][at.stage] : TileNote{0, 0};
    load_window<Traits>(window, ring + at.stage * kStageElements,
                        rests + at.stage * (Traits::kStageBytes / 4));
    operands_stage = at.stage;
    if (!Traits::kScaled || loaded.more == 0) at.advance(p.stages);  // else the same stage comes again
    return loaded;
  };
  // Gives a stage back. To be called after products that read all that was loaded there: they are not issued
  // before their operands have arrived, whereas an arrival alone may overtake loads.
  const auto release = [&](int stage) {
    __syncwarp();
    if (arrives) barrier_arrive(shared.empty[consumer][stage]);
  };
  const auto wait_for_products = [&](auto& sums) {
    products_wait<0>();
    pin_all(sums);
    pin_parts<0, 1>(operands);
  };
  // Multiplies the operands, and loads the next ones. fp32 has the small products first, and the large ones
  // apart: the units truncate when they add to a large sum.
  const auto advance = [&](int step, OutputRun<Traits>& out) {
    const int stage = operands_stage;
    std::uint64_t taps = weights + static_cast<std::uint64_t>(step * kStepTaps);
    asm volatile("" : "+l"(taps));  // else every descriptor of the loop is kept in a register of its own
    Window<Traits> window;
    TileNote next{};
    pin_all(acc);
    if constexpr (Traits::kSplit) {
      const int exponent = note.exponent + weight_exponent;
      const int small_exponent = Traits::kScaled ? exponent - 11 : exponent;
      constexpr bool kIsCut = Traits::kCut < Traits::kKw;
      multiply<Traits, Terms::small>(acc, operands, taps);
      if constexpr (Traits::kApart) {
        pin_all(large);
        multiply<Traits, Terms::large, 0, Traits::kCut>(large, operands, taps);
      }
      if constexpr (kIsCut) {
        pin_all(rest);
        multiply<Traits, Terms::large, Traits::kCut>(rest, operands, taps);
      }
      release(stage);  // the small products read every part
      settle(out);
      products_wait<Traits::kApart + kIsCut>();
      pin_all(acc);
      pin_parts<1, Traits::kParts>(operands);
      add_scaled(sum, acc, small_exponent);
      // The next window takes the registers of the lower parts.
      if constexpr (Traits::kApart) {
        next = load(window);
        wait_for_products(large);
        add_scaled(sum, large, exponent);
        if constexpr (kIsCut) {
          pin_all(rest);
          add_scaled(sum, rest, exponent);
        }
      } else {
        pin_all(acc);
        multiply<Traits, Terms::large>(acc, operands, taps);
        next = load(window);
        wait_for_products(acc);
        add_scaled(sum, acc, exponent);
      }
    } else {
      if constexpr (Traits::kLoadsFirst) next = load(window);
      multiply<Traits, Terms::all>(acc, operands, taps);
      release(stage);
      if constexpr (!Traits::kLoadsFirst) next = load(window);
      wait_for_products(acc);
    }
    // What TF32 rounds by is made of a sum: else ptxas rounds the window as soon as it is there, and
    // serialises the products for that.
    convert(window, kHalfUlpOfTf32 | (__float_as_uint(acc[0][0]) & zero));
    make_operands<Traits>(operands, window);
    note = next;
  };

  {
    Window<Traits> window;
    note = load(window);
    convert(window, kHalfUlpOfTf32);
    make_operands<Traits>(operands, window);
  }
  barrier_wait(shared.weights, 0);
  for (int index = worker; index < p.items; index += workers<Traits>()) {
    const DirectItem item = item_at<Traits>(p, index);
    OutputRun<Traits> out(p, item, group, co0, warp, lane);
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
          const bool last_tile = !Traits::kScaled || note.more == 0;  // of this step
          advance(step, out);
          step += last_tile;
        } while (step < p.steps);
      } else {
        settle(out);
      }
      const bool complete = row >= Traits::kKh - 1;
      if constexpr (Traits::kSplit) {
        due = complete ? Due::store : Due::move;
      } else {
        end_row(out, complete);
      }
    }
    settle(out);
  }
}

/// fp32: outputs that read an infinity are NaN by now. If a feeder saw one, the consumer's threads go over
/// their items once more.
template <class Traits>
__device__ __forceinline__ void mend_infinities(const DirectShared<Traits>& shared, const DirectArguments& p,
                                                int consumer, int group, int co0, int worker) {
  if (shared.not_finite[consumer] == 0) return;
  // All have stored their outputs; feeders that split use no barrier of this kind.
  asm volatile("barrier.cta.sync %0, %1;" ::"r"(consumer + 1), "n"(Traits::kConsumerThreads) : "memory");
  const int empty_slots = p.full_height ? 0 : 1;
  const PlainTaps taps{Traits::kKh - empty_slots, Traits::kKw, p.lead_h - empty_slots, p.lead_w};
#pragma unroll 1
  for (int index = worker; index < p.items; index += workers<Traits>()) {
    const DirectItem item = item_at<Traits>(p, index);
    compute_nans_plainly(
        p, taps, OutputBox{item.n, group, co0, Traits::kCo, item.oh0, item.rows, item.ow0, Traits::kPixels},
        shared.constants, static_cast<int>(threadIdx.x % Traits::kConsumerThreads), Traits::kConsumerThreads,
        [&](float sum, const ChannelConstants& c, std::int64_t) { return p.epilogue.finish_inline(sum, c); });
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

  if (threadIdx.x == 0) {
    constexpr int kTileThreads = Traits::kSplit ? 32 : Traits::kFeederThreads;
    for (int consumer = 0; consumer < Traits::kConsumers; ++consumer) {
      for (int stage = 0; stage < p.stages; ++stage) {
        barrier_init(shared.full[consumer][stage], p.boxes ? 1 : kTileThreads);
        barrier_init(shared.ready[consumer][stage], kTileThreads);
        barrier_init(shared.empty[consumer][stage], readers<Traits>(p));
      }
    }
    barrier_init(shared.weights, 1);
    barrier_init_fence();
    for (int& not_finite : shared.not_finite)
      not_finite = 0;
  }
  load_epilogue(shared, p, group, co0, threadIdx.x);
  __syncthreads();

  if (threadIdx.x < Traits::kFeeders) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Traits::kFeederRegisters));
    const int thread = threadIdx.x % Traits::kFeederThreads;
    const int consumer = __shfl_sync(0xffffffffu, threadIdx.x / Traits::kFeederThreads, 0);
    const int worker = worker_of(consumer);
    if (threadIdx.x == 0) {
      constexpr int kStepBytes = Traits::kStepBytes;
      const auto* from = static_cast<const unsigned char*>(p.weights) +
                         static_cast<std::int64_t>(blockIdx.y) * p.steps * kStepBytes;
      unsigned char* to = shared.weight_tile(p.stages);
      barrier_arrive_expect(shared.weights, p.steps * kStepBytes);
      for (int step = 0; step < p.steps; ++step)
        copy_block(to + step * kStepBytes, from + step * kStepBytes, kStepBytes, shared.weights);
    }
    if (consumer < Traits::kConsumers) feed<Traits>(shared, map, p, consumer, group, worker, thread);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Traits::kConsumerRegisters));
    const int consumer =
        __shfl_sync(0xffffffffu, (threadIdx.x - Traits::kFeeders) / Traits::kConsumerThreads, 0);
    consume<Traits>(shared, p, consumer, group, co0, worker_of(consumer));
    if constexpr (Traits::kSplit)
      mend_infinities<Traits>(shared, p, consumer, group, co0, worker_of(consumer));
  }
}

}  // namespace upconv::kernels::cuda::device
