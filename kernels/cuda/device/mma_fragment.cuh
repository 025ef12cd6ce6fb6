#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/element.cuh>
#include <upconv/kernels/cuda/device/mma_traits.cuh>

/// A thread's pixels in registers. Row m of a product is not pixel m: the rows g and g + 8 of all a warp's
/// blocks are one run of consecutive pixels, so that the operand of the next kw is the thread's own
/// registers, one pixel further on. A row of a chunk is therefore read from shared memory and rounded or
/// split once for every kw.
namespace upconv::kernels::cuda::device {

/// What a thread reads of a row, as it lies in memory: its window of the channels lane % 4 + 4c.
template <class Traits>
struct MmaWindow {
  static constexpr int kWords = Traits::kWindow * Traits::kElementBytes / 4;
  std::uint32_t x[Traits::kChannels / 4][kWords];
};

/// The A operands: `a[part][s]` holds pixels s and s + kBlocks of the run in both halves of the k step. Block
/// b at kw multiplies a[part][kw + b].
template <class Traits>
struct MmaOperands {
  static constexpr int kCount = Traits::kMaxKw + Traits::kBlocks - 1;
  std::uint32_t a[Traits::kParts][kCount][4];
};

/// Two zeros of which the compiler does not know it. An instruction takes four consecutive registers, and a
/// pixel stands in two of them: `x | zero` is a register of its own, where a move would be folded away and
/// come back before every product.
struct UnknownZeros {
  std::uint32_t first, second;
};

/// Where column `byte` (counted in bytes) of a channel's row lies.
template <class Traits>
__device__ __forceinline__ int place_in_row(int byte) {
  return Traits::kExchanged ? byte ^ (byte >> 1 & 16) : byte;
}

/// `row`: the tile's row [channel][pitch].
template <class Traits>
__device__ __forceinline__ void load_window(MmaWindow<Traits>& window, const unsigned char* row, int lane) {
  constexpr int kBytes = Traits::kVector * Traits::kElementBytes;
  const int run = lane / 4;
  const unsigned char* from =
      row + lane % 4 * Traits::kPitchBytes + run * Traits::kRun * Traits::kElementBytes;
  // Exchanged: halves 0 and 3, 1 and 2 of this run and the next have the same place within theirs.
  const unsigned char* outer = from + run % 2 * 16;
  const unsigned char* inner = from + (1 - run % 2) * 16;
#pragma unroll
  for (int c = 0; c < Traits::kChannels / 4; ++c) {
#pragma unroll
    for (int v = 0; v < Traits::kVectors; ++v) {
      const unsigned char* vector = from + v * kBytes;
      if constexpr (Traits::kExchanged) vector = (v % 4 == 0 || v % 4 == 3 ? outer : inner) + v / 2 * 32;
      load_words<kBytes / 4>(&window.x[c][v * kBytes / 4], vector + 4 * c * Traits::kPitchBytes);
    }
  }
}

/// Rounds, splits or pairs every element once and lays it where the products take it. kShift: column of the
/// tile at which the first pixel's kw = 0 reads.
template <class Traits, int kShift>
__device__ __forceinline__ void make_operands(MmaOperands<Traits>& operands, const MmaWindow<Traits>& window,
                                              UnknownZeros zeros) {
  constexpr int kCount = MmaOperands<Traits>::kCount, kBlocks = Traits::kBlocks;
#pragma unroll
  for (int i = 0; i < kCount + kBlocks; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const auto place = [&](int part, std::uint32_t value) {
        const bool twice = i < kCount && i >= kBlocks;
        if (i < kCount) operands.a[part][i][2 * half] = Traits::kSplit ? value | zeros.first : value;
        if (i >= kBlocks)
          operands.a[part][i - kBlocks][2 * half + 1] =
              Traits::kSplit || twice ? value | zeros.second : value;
      };
      if constexpr (Traits::kHalves) {
        const std::uint32_t low = window.x[2 * half][(kShift + i) / 2];
        const std::uint32_t high = window.x[2 * half + 1][(kShift + i) / 2];
        place(0, __byte_perm(low, high, (kShift + i) % 2 == 0 ? 0x5410 : 0x7632));
      } else if constexpr (Traits::kSplit) {
        split_to_bf16(window.x[2 * half][i], window.x[2 * half + 1][i], place);
      } else {
        place(0, nearest_tf32(window.x[half][i]));
      }
    }
  }
}

/// fp32: rows of a chunk are scaled before they are split, up if a warp's pixels are all tiny, since the last
/// part of a number near the denormals is no bf16 number, and down if one would round to infinity. Returns by
/// what the products are scaled back as they are added up.
template <class Traits>
__device__ __forceinline__ float scale_for_split(MmaWindow<Traits>& window) {
  float largest = 0.0f;
#pragma unroll
  for (const auto& channel : window.x) {
#pragma unroll
    for (const std::uint32_t x : channel)
      largest = fmaxf(largest, fabsf(__uint_as_float(x)));
  }
  const bool tiny = __all_sync(0xffffffffu, largest < 0x1p-63f);
  if (!tiny && __all_sync(0xffffffffu, largest < 0x1p127f)) return 1.0f;
  const float factor = tiny ? 0x1p63f : 0.5f;
#pragma unroll
  for (auto& channel : window.x) {
#pragma unroll
    for (std::uint32_t& x : channel)
      x = __float_as_uint(__uint_as_float(x) * factor);
  }
  return tiny ? 0x1p-63f : 2.0f;
}

}  // namespace upconv::kernels::cuda::device
