#pragma once

#include <upconv/kernels/cuda/device/direct_traits.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

/// A thread's pixels in registers. The products' row m of a 16-row warp tile is not pixel m: a thread's rows
/// are kRun consecutive pixels, so that the A operand of the next kw is the thread's own registers, one pixel
/// further on. A chunk is therefore read from shared memory once, whatever the kernel's width.
namespace upconv::kernels::cuda::device {

/// What a thread reads of a chunk: columns kFirst ... of its run in the rows lane % 4 + 4c. Half i of the k
/// step is, in TF32, row c = i; in 16 bits the channels of rows 2i and 2i + 1; in fp32 h and l of two
/// channels.
template <class Traits>
struct Window {
  static constexpr int kWords = Traits::kWindow * static_cast<int>(sizeof(typename Traits::Element)) / 4;
  std::uint32_t x[Traits::kChannels / 4][kWords];
};

/// The A operands: `a[part][i]` holds columns i and i + kBlocks (the two rows of a thread) of both halves, in
/// the order of the instruction, which wants four consecutive registers. Block b at kw reads a[part][kw + b].
template <class Traits>
struct Operands {
  std::uint32_t a[Traits::kParts][Traits::kKw + Traits::kBlocks - 1][4];
};

/// The same value in a register of its own.
__device__ __forceinline__ std::uint32_t copy_register(std::uint32_t x) {
  std::uint32_t copied;
  asm volatile("mov.b32 %0, %1;" : "=r"(copied) : "r"(x));
  return copied;
}

/// The 16-bit elements `which` of two words, the first in the low half. Stays where it is written.
__device__ __forceinline__ std::uint32_t pair_of(std::uint32_t low, std::uint32_t high, int which) {
  std::uint32_t pair;
  asm volatile("prmt.b32 %0, %1, %2, %3;"
               : "=r"(pair)
               : "r"(low), "r"(high), "r"(which == 0 ? 0x5410 : 0x7632));
  return pair;
}

/// `run` points at the thread's run in the tile [kChannels][kPitch], row lane % 4.
template <class Traits>
__device__ __forceinline__ void load_window(Window<Traits>& window, const typename Traits::Element* run) {
  constexpr int kWords =
      Traits::kRun * static_cast<int>(sizeof(typename Traits::Element)) / 4;  // of a vector
#pragma unroll
  for (int c = 0; c < Traits::kChannels / 4; ++c) {
#pragma unroll
    for (int v = 0; v < Traits::kWindow / Traits::kRun; ++v)
      load_words<kWords>(&window.x[c][v * kWords],
                         run + 4 * c * Traits::kPitch + Traits::kFirst + v * Traits::kRun);
  }
}

/// All bits that are set in some word.
template <class Traits>
__device__ __forceinline__ std::uint32_t any_bits(const Window<Traits>& window) {
  std::uint32_t bits = 0;
#pragma unroll
  for (const auto& row : window.x) {
#pragma unroll
    for (const std::uint32_t x : row)
      bits |= x;
  }
  return bits;
}

/// Rounds every element, or pairs its channels, once, in place: afterwards 16-bit rows 2i and 2i + 1 are the
/// even and the odd pixels.
template <class Traits>
__device__ __forceinline__ void convert(Window<Traits>& window) {
  if constexpr (Traits::kHalves) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int w = 0; w < Window<Traits>::kWords; ++w) {
        const std::uint32_t low = window.x[2 * i][w], high = window.x[2 * i + 1][w];
        window.x[2 * i][w] = pair_of(low, high, 0);
        window.x[2 * i + 1][w] = pair_of(low, high, 1);
      }
    }
  } else if constexpr (!Traits::kSplit) {
#pragma unroll
    for (auto& row : window.x) {
#pragma unroll
      for (int i = Traits::kSkipped; i < Traits::kSkipped + Traits::kColumns; ++i)
        row[i] = round_to_tf32(row[i]);
    }
  }
}

/// Lays every converted element where the products take it.
template <class Traits>
__device__ __forceinline__ void make_operands(Operands<Traits>& operands, const Window<Traits>& window) {
  constexpr int kCount = Traits::kKw + Traits::kBlocks - 1;
#pragma unroll
  for (int i = 0; i < kCount + Traits::kBlocks; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int column = Traits::kSkipped + i;
      const auto place = [&](int part, std::uint32_t value) {
        if (i < kCount) operands.a[part][i][2 * half] = copy_register(value);
        if (i >= Traits::kBlocks) operands.a[part][i - Traits::kBlocks][2 * half + 1] = copy_register(value);
      };
      if constexpr (Traits::kHalves) {
        place(0, window.x[2 * half + column % 2][column / 2]);
      } else if constexpr (Traits::kPairs) {
        place(0, window.x[2 * half][column]);
        place(1, window.x[2 * half + 1][column]);
      } else if constexpr (Traits::kWide) {
        const std::uint32_t x = window.x[half][column], high = x & 0xffffe000u;  // truncated: cannot overflow
        place(0, high);
        place(1, round_to_tf32(__float_as_uint(__uint_as_float(x) - __uint_as_float(high))));
      } else {
        place(0, window.x[half][column]);
      }
    }
  }
}

}  // namespace upconv::kernels::cuda::device
