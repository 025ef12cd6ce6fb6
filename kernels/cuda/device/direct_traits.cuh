#pragma once

#include <cstdint>
#include <type_traits>

#include <upconv/kernels/cuda/device/barrier.cuh>
#include <upconv/kernels/cuda/device/epilogue.cuh>
#include <upconv/kernels/cuda/device/wgmma.cuh>

/// Compile-time choices of the direct convolution, and its arguments.
namespace upconv::kernels::cuda::device {

/// fp32 computes with sums of three numbers: f16, f16 and e5m2, scaled by powers of two, or, where the
/// weights' range is too wide for those, bf16.
enum class Arithmetic { tf32, f16, bf16, fp32, fp32_wide };

/// 2^exponent of a normal float.
__device__ __forceinline__ float power_of_two(int exponent) {
  return __int_as_float((exponent + 127) << 23);
}

/// What a launch tells the kernel. Channels are those of a group. Plain data, filled by the host's plan.
struct DirectArguments {
  const void* x;                // [n, groups * ci, ih, iw]
  const void* weights;          // packed, see direct_pack.h
  const int* weight_exponents;  // fp32: [groups * co_tiles], weights are the packed ones times 2^exponent
  void* y;                      // [n, groups * co, oh, ow]
  int n, groups, ci, co, ih, iw, oh, ow;
  bool full_height;    // every kh slot holds a tap; else the first one holds none
  int lead_h, lead_w;  // output (oh, ow) begins to read at input (oh - lead_h, ow - lead_w)
  int steps;           // chunks of input channels
  int co_tiles;
  int strips;      // of kPixels columns
  int range_rows;  // output rows of an item
  int items;       // strips * n * ranges
  int stages;      // of each ring
  int shift;   // columns that a fetched tile begins further left than at shift 0; in TF32 it may be negative
  int offset;  // of the first column that is read, in the tile
  bool boxes;  // x's rows are aligned well enough for the copy engine
  bool realign;  // feeders move fetched tiles left by the shift; 16-bit rows without boxes, each as it lies
  bool vectors;  // y's rows are aligned well enough for vector stores
  DeviceEpilogue epilogue;
  const float* plain_weight;  // fp32: as PyTorch stores it, [groups * ci, co, kh, kw] if transposed, else
                              // [groups * co, ci, kh, kw]
  bool transposed;            // of the plain weight: packed ones are turned
};

/// kBlocks_: row blocks of 64 pixels that a warpgroup keeps, so that its strips are 64 or 128 pixels wide.
template <Arithmetic kArithmetic_, int kKh_, int kKw_, int kCo_, int kBlocks_>
struct DirectTraits {
  static constexpr Arithmetic kArithmetic = kArithmetic_;
  static constexpr int kKh = kKh_, kKw = kKw_;
  static constexpr int kCo = kCo_;  // output channels of a block
  static constexpr bool kHalves = kArithmetic == Arithmetic::f16 || kArithmetic == Arithmetic::bf16;
  static constexpr bool kScaled = kArithmetic == Arithmetic::fp32;     // operands are h + (l + r) * 2^-11
  static constexpr bool kWide = kArithmetic == Arithmetic::fp32_wide;  // operands are h + m + l in bf16
  static constexpr bool kSplit = kScaled || kWide;
  using Element = std::conditional_t<kHalves, std::uint16_t, float>;
  static constexpr Operand kOperand = kScaled || kArithmetic == Arithmetic::f16  ? Operand::f16
                                      : kWide || kArithmetic == Arithmetic::bf16 ? Operand::bf16
                                                                                 : Operand::tf32;

  static constexpr int kParts = kSplit ? 3 : 1;  // an operand is a sum of so many numbers
  static constexpr int kBlocks = kBlocks_;
  static constexpr int kRun = 2 * kBlocks;      // consecutive pixels of a thread
  static constexpr int kPixels = 64 * kBlocks;  // output columns of a warpgroup
  static constexpr int kChannels =
      kOperand == Operand::tf32 ? 8 : 16;  // input channels of a chunk: one k step
  static constexpr int kPitch = kPixels + (kHalves ? 16 : 8);
  static constexpr int kN = kKh * kCo;  // columns of a product: every kh at once
  static constexpr int kChunkBytes = kChannels * kPitch * static_cast<int>(sizeof(Element));
  // fp32: beside the tile in its stage r of every element, [row 4i + c][words of two columns].
  static constexpr int kRestRows = kScaled ? 8 : 0, kRestPitch = kPitch / 2 + 4;
  static constexpr int kStageBytes = kChunkBytes + kRestRows * kRestPitch * 4;
  static constexpr int kPartBytes = 2 * kN * 16;  // packed weights of one k step, kw and part
  static constexpr int kTapBytes = kParts * kPartBytes;
  static constexpr int kLowPairs = kScaled ? (kKw + 1) / 2 : 0;  // products l * l' of two kw at once
  static constexpr int kStepBytes = kKw * kTapBytes + kLowPairs * kPartBytes;

  // The middle tap reads 4 columns behind a thread's first vector, so that "same" padding starts every row of
  // the tile on a 16-byte boundary whatever the kernel's width.
  static constexpr int kSkip = 4 - (kKw - 1) / 2;
  static constexpr int kFirst = kSkip / kRun * kRun;
  static constexpr int kWindow =
      ((kSkip + kKw - 1 + kRun - 1 - kFirst) / kRun + 1) * kRun;  // columns it loads
  static constexpr int kSkipped = kSkip - kFirst;                 // of which it needs these:
  static constexpr int kColumns = kKw + kRun - 1;
  static constexpr int kReach =
      kPixels - kRun + kFirst + kWindow;                     // columns of a tile that are read at offset 0
  static constexpr int kNeeded = kPixels + kSkip + kKw - 1;  // of which these are needed

  // What a consumer keeps in registers, beside addresses.
  static constexpr int kSums = kBlocks * kN / 2;
  static constexpr int kOperandWords = 4 * (kParts * (kKw + kBlocks - 1) + kLowPairs);
  static constexpr int kWindowWords = kChannels / 4 * kWindow * static_cast<int>(sizeof(Element)) / 4;
  // fp32: products with low parts and those of high parts have accumulators of their own and run together.
  static constexpr bool kApart = kSplit && 3 * kSums + kOperandWords <= 188;
  // The units truncate when they add. Where one chain of products may be the whole sum, it is cut in two.
  static constexpr int kCut = kApart && kKh == 1 && kKw > 1 ? (kKw + 1) / 2 : kKw;
  // Three warpgroups fill the gaps between one's products better than two, where their registers suffice.
  static constexpr bool kLight = !kSplit && kSums + kOperandWords + kWindowWords <= 104;
  // The next window is loaded while the products run; in 16 bits with three warpgroups and wide strips ahead
  // of them, which was quicker on 16 to 16 channels.
  static constexpr bool kLoadsFirst = kHalves && kLight && kBlocks == 2;

  static constexpr int kConsumers = kLight ? 3 : 2, kConsumerThreads = 128;
  static constexpr int kFeederWarps = kSplit || (kHalves && !kLight) ? 4 : 2;  // of a ring, by their work
  static constexpr int kFeederThreads = 32 * kFeederWarps;
  static constexpr int kFeeders = (kConsumers * kFeederThreads + 127) / 128 * 128;  // whole warpgroups
  static constexpr int kThreads = kFeeders + kConsumers * kConsumerThreads;
  static constexpr int kFeederRegisters = kSplit ? 32 : kHalves || kLight ? 48 : 56;
  static constexpr int kConsumerRegisters = kSplit ? 224 : kLight ? 128 : kHalves ? 208 : 224;
  static constexpr int kMaxStages = 12, kLeastStages = kSplit ? kFeederWarps : 2;  // of a ring

  static_assert(kBlocks == 1 || (kBlocks == 2 && !kSplit));
  static_assert(kKh >= 1 && kKw >= 1 && kKw <= 7 && kSkip >= 1);
  static_assert(kN % 8 == 0 && kN <= 112);
  static_assert(kPitch * sizeof(Element) % 16 == 0 && kReach <= kPitch);
  // 8 words between channels: a warp's vector reads (8 pixel runs, 4 channels) fall on different banks.
  static_assert(kPitch * sizeof(Element) / 4 % 32 == 8 && (!kScaled || kRestPitch % 32 == 8));
  static_assert(kStageBytes % 128 == 0);
  // A block gets a multiple of 8 registers a thread, from which both kinds take their share.
  static_assert(kFeeders * kFeederRegisters + kConsumers * kConsumerThreads * kConsumerRegisters <=
                65536 / kThreads / 8 * 8 * kThreads);
};

/// What the consumer is told about a tile that feeders converted.
struct TileNote {
  int exponent;  // its elements were multiplied by 2^-exponent
  int more;      // the same chunk comes again, with elements that were too small for this tile
};

/// How many arrivals say that a consumer has read a tile: one of each warp, or, where threads and not the
/// copy engine write the next one, of each thread. A warp's would do, but racecheck sees only a thread's own
/// reads.
template <class Traits>
__device__ __forceinline__ int readers(const DirectArguments& p) {
  const bool threads_write = Traits::kSplit || p.realign || !p.boxes;
  return threads_write ? Traits::kConsumerThreads : Traits::kConsumerThreads / 32;
}

/// Shared memory of a block; the rings and the weights follow it.
template <class Traits>
struct DirectShared {
  Barrier full[Traits::kConsumers][Traits::kMaxStages];   // fetched
  Barrier ready[Traits::kConsumers][Traits::kMaxStages];  // converted
  Barrier empty[Traits::kConsumers][Traits::kMaxStages];  // read
  Barrier weights;
  TileNote notes[Traits::kConsumers][Traits::kMaxStages];
  int not_finite[Traits::kConsumers];  // fp32: whether a tile held an infinity or a NaN
  ChannelConstants constants[Traits::kCo];

  static constexpr int kHeaderBytes = 2048;
  __device__ unsigned char* ring(int consumer, int stages) {
    return reinterpret_cast<unsigned char*>(this) + kHeaderBytes + consumer * stages * Traits::kStageBytes;
  }
  __device__ unsigned char* weight_tile(int stages) { return ring(Traits::kConsumers, stages); }
  static constexpr int bytes(int stages, int steps) {
    return kHeaderBytes + Traits::kConsumers * stages * Traits::kStageBytes + steps * Traits::kStepBytes;
  }
};

/// Those who walk down items, the consumers of all blocks, and which of them a block's consumer is: the first
/// ones lie on different multiprocessors, so that few items do.
template <class Traits>
__device__ __forceinline__ int workers() {
  return static_cast<int>(gridDim.x) * Traits::kConsumers;
}
__device__ __forceinline__ int worker_of(int consumer) {
  return consumer * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x);
}

/// A strip of output: rows [oh0, oh0 + rows) of columns [ow0, ow0 + kPixels) of image n.
struct DirectItem {
  int n, ow0, oh0, rows;
};

template <class Traits>
__device__ __forceinline__ DirectItem item_at(const DirectArguments& p, int index) {
  const int strip = index % p.strips;
  const int rest = index / p.strips;
  const int oh0 = rest / p.n * p.range_rows;
  return {rest % p.n, strip * Traits::kPixels, oh0, min(p.range_rows, p.oh - oh0)};
}

}  // namespace upconv::kernels::cuda::device
