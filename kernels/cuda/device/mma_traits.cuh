#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <upconv/kernels/cuda/device/epilogue.cuh>
#include <upconv/kernels/cuda/device/mma.cuh>

/// Compile-time choices of the direct convolution on mma.sync, and its arguments.
namespace upconv::kernels::cuda::device {

/// What a launch tells the kernel. Channels are those of a group. Plain data, filled by the host's plan.
template <class T>
struct MmaArguments {
  const T* x;                     // [n, groups * ci, ih, iw]
  const void* weights;            // packed, see direct_mma_pack.h
  const std::int32_t* exponents;  // f32: of the weights, [groups, fragments, 8]
  T* y;                           // [n, groups * co, oh, ow]
  DeviceEpilogue epilogue;
  int groups, ci, co, ih, iw, oh, ow, kh, kw;
  int lead_h, lead_w;  // output (oh, ow) begins to read at input (oh - lead_h, ow - lead_w)
  int chunks;          // of input channels
  int fragments;       // of 8 output channels
  int co_tiles, tiles_h, tiles_w;
  int step_rows;  // rows of taps whose weights are in shared memory at once
  bool pairs;     // 16 bits: rows begin on 4-byte boundaries, so that cp.async can copy pairs of elements
  int stored;  // pixels of an access to y and the residual: as many as their rows' alignment allows, kVector,
               // 2 or
               // 1
  const T* plain_weight;  // as PyTorch stores it, [groups * ci, co, kh, kw] if transposed, else
                          // [groups * co, ci, kh, kw]
  bool transposed;        // of the plain weight: packed ones are turned
};

/// T: the tensors' type. kSplit_: fp32 as six products of bf16 numbers; without it, f32 is rounded to TF32.
/// kBlocks_: products of 16 pixels that a warp keeps. kFragments_: products of 8 output channels.
template <class T, bool kSplit_, int kBlocks_, int kFragments_>
struct MmaTraits {
  using Element = T;
  static constexpr int kElementBytes = static_cast<int>(sizeof(T));
  static constexpr bool kHalves = kElementBytes == 2;
  static constexpr bool kSplit = kSplit_;
  static constexpr MmaOperand kOperand = std::is_same_v<T, __half> ? MmaOperand::f16
                                         : kSplit || kHalves       ? MmaOperand::bf16
                                                                   : MmaOperand::tf32;

  static constexpr int kWarps = 4;  // each has one output row of the tile
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kRows = kWarps;
  static constexpr int kBlocks = kBlocks_, kFragments = kFragments_;
  static constexpr int kRun = 2 * kBlocks;                                 // consecutive pixels of a thread
  static constexpr int kPixels = 16 * kBlocks;                             // output columns of the tile
  static constexpr int kCo = 8 * kFragments;                               // output channels of the tile
  static constexpr int kChannels = kOperand == MmaOperand::tf32 ? 8 : 16;  // of a chunk: one k step
  static constexpr int kMaxKw = 7;
  static constexpr int kMaxTaps = kSplit ? 8 : 9;  // of a step, unless one row of taps has more

  static constexpr int kParts = kSplit ? 3 : 1;  // an operand is a sum of so many numbers
  static constexpr int kFragmentBytes = 256;
  static constexpr int kTapBytes = kFragments * kParts * kFragmentBytes;
  // Whether the epilogue undoes the scaling of f32's weights: fp32 has done so as it emptied its
  // accumulators.
  static constexpr bool kUnscaledLast = !kSplit && !kHalves;

  // Columns that a thread reads of a row: its run and the reach of the widest kernel; 16-bit tiles may begin
  // one column early.
  static constexpr int kVector = kRun * kElementBytes < 16 ? kRun : 16 / kElementBytes;
  static constexpr int kVectors = (kRun + kMaxKw - 1 + (kHalves ? 1 : 0) + kVector - 1) / kVector;
  static constexpr int kWindow = kVectors * kVector;
  static constexpr int kReach = kPixels - kRun + kWindow;  // columns of the tile
  // 32 bytes beyond a multiple of 128 between channels: the vector reads of a warp (8 runs in 4 channels)
  // fall on different banks, for runs of 4, 8 and 16 bytes.
  static constexpr int kPitchBytes = (kReach * kElementBytes + 95) / 128 * 128 + 32;
  // Runs of 32 bytes are read in halves, which would use every other 16 bytes of the banks: odd runs lie with
  // their halves exchanged.
  static constexpr bool kExchanged = kRun * kElementBytes == 32;
  static constexpr int kRowBytes = kChannels * kPitchBytes;  // of all channels

  static constexpr int kBlocksPerProcessor = kSplit && kFragments == 4 ? 2 : 3;

  static_assert(!kSplit || !kHalves);
  static_assert(kRun * kElementBytes <= 32 && kWindow % 2 == 0);
  static_assert(kReach * kElementBytes <= kPitchBytes && kPitchBytes % 128 == 32);
};

/// Shared memory of a block; two tiles of input and two steps' weights follow it.
template <class Traits>
struct MmaShared {
  ChannelConstants constants[Traits::kCo];
  float scales[Traits::kCo];  // f32: by which sums undo the scaling of packed weights

  static constexpr int kHeaderBytes = 640;
  static constexpr __host__ __device__ int input_bytes(int kh) {
    return (Traits::kRows + kh - 1) * Traits::kRowBytes;
  }
  static constexpr __host__ __device__ int weight_bytes(int step_rows, int kw) {
    return step_rows * kw * Traits::kTapBytes;
  }
  static constexpr int bytes(int kh, int step_rows, int kw) {
    return kHeaderBytes + 2 * (input_bytes(kh) + weight_bytes(step_rows, kw));
  }
  /// [rows + kh - 1][channel][pitch]
  __device__ unsigned char* input(int which, int kh) {
    return reinterpret_cast<unsigned char*>(this) + kHeaderBytes + which * input_bytes(kh);
  }
  /// [tap][fragment][part][lane][2 words]
  __device__ unsigned char* weights(int which, const MmaArguments<typename Traits::Element>& p) {
    return input(2, p.kh) + which * weight_bytes(p.step_rows, p.kw);
  }
};

/// What a block computes: rows [oh0, oh0 + kRows) of columns [ow0, ow0 + kPixels) of image n, in the kCo
/// channels of the group from co0 on.
struct MmaTile {
  int n, group, co0, oh0, ow0;
};

/// Tiles that read the same input follow each other.
template <class Traits>
__device__ __forceinline__ MmaTile mma_tile_at(const MmaArguments<typename Traits::Element>& p, int index) {
  MmaTile tile;
  tile.co0 = index % p.co_tiles * Traits::kCo;
  index /= p.co_tiles;
  tile.group = index % p.groups;
  index /= p.groups;
  tile.ow0 = index % p.tiles_w * Traits::kPixels;
  index /= p.tiles_w;
  tile.oh0 = index % p.tiles_h * Traits::kRows;
  tile.n = index / p.tiles_h;
  return tile;
}

}  // namespace upconv::kernels::cuda::device
