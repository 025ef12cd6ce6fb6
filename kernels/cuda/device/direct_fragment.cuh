#pragma once

#include <upconv/kernels/cuda/device/direct_traits.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

/// A thread's pixels in registers. The products' row m of a 16-row warp tile is not pixel m: a thread's rows
/// are kRun consecutive pixels, so that the A operand of the next kw is the thread's own registers, one pixel
/// further on. A chunk is therefore read from shared memory once, whatever the kernel's width.
namespace upconv::kernels::cuda::device {

/// What a thread reads of a chunk: columns kFirst ... of its run in the rows lane % 4 + 4c. Half i of the k
/// step is, in TF32, row c = i; in 16 bits and fp32_wide the channels of rows 2i and 2i + 1; in fp32 h and l
/// of those two channels, whose r * 2^9 are rest[i].
template <class Traits>
struct Window {
  static constexpr int kWords = Traits::kWindow * static_cast<int>(sizeof(typename Traits::Element)) / 4;
  static constexpr int kRestWords = Traits::kScaled ? Traits::kWindow / 2 : 1;
  std::uint32_t x[Traits::kChannels / 4][kWords];
  std::uint32_t rest[2][kRestWords];
};

/// The A operands: `a[part][i]` holds columns i and i + kBlocks (the two rows of a thread) of both halves, in
/// the order of the instruction, which wants four consecutive registers. Block b at kw reads a[part][kw + b].
/// In fp32 a[2] is of four channels in e5m2, r * 2^9 in its first half and h in its second; low[i] has l of
/// kw = 2i in its first half, of the next kw in its second.
template <class Traits>
struct Operands {
  std::uint32_t a[Traits::kParts][Traits::kKw + Traits::kBlocks - 1][4];
  std::uint32_t low[Traits::kScaled ? Traits::kLowPairs : 1][4];
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

/// `run` points at the thread's run in the tile [kChannels][kPitch], row lane % 4; `rests` at its words of
/// rests.
template <class Traits>
__device__ __forceinline__ void load_window(Window<Traits>& window, const typename Traits::Element* run,
                                            const std::uint32_t* rests) {
  constexpr int kWords =
      Traits::kRun * static_cast<int>(sizeof(typename Traits::Element)) / 4;  // of a vector
#pragma unroll
  for (int c = 0; c < Traits::kChannels / 4; ++c) {
#pragma unroll
    for (int v = 0; v < Traits::kWindow / Traits::kRun; ++v)
      load_words<kWords>(&window.x[c][v * kWords],
                         run + 4 * c * Traits::kPitch + Traits::kFirst + v * Traits::kRun);
  }
  if constexpr (Traits::kScaled) {
    constexpr int kRests = Traits::kRun / 2;  // words of a run's
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int v = 0; v < Traits::kWindow / Traits::kRun; ++v)
        load_words<kRests>(&window.rest[i][v * kRests],
                           rests + 4 * i * Traits::kRestPitch + Traits::kFirst / 2 + v * kRests);
    }
  }
}

/// Of words of two 16-bit elements: those in the low halves, and those in the high ones.
template <int kWords>
__device__ __forceinline__ void pair_words(std::uint32_t (&first)[kWords], std::uint32_t (&second)[kWords]) {
#pragma unroll
  for (int w = 0; w < kWords; ++w) {
    const std::uint32_t low = first[w], high = second[w];
    first[w] = pair_of(low, high, 0);
    second[w] = pair_of(low, high, 1);
  }
}

/// Rounds every element, or pairs its channels, once, in place: afterwards 16-bit rows 2i and 2i + 1, and the
/// rows of rests, are the even and the odd pixels. `half_ulp`: see round_to_tf32.
template <class Traits>
__device__ __forceinline__ void convert(Window<Traits>& window, std::uint32_t half_ulp) {
  if constexpr (Traits::kHalves) {
    pair_words(window.x[0], window.x[1]);
    pair_words(window.x[2], window.x[3]);
  } else if constexpr (Traits::kScaled) {
    pair_words(window.rest[0], window.rest[1]);
  } else if constexpr (!Traits::kSplit) {
#pragma unroll
    for (auto& row : window.x) {
#pragma unroll
      for (int i = Traits::kSkipped; i < Traits::kSkipped + Traits::kColumns; ++i)
        row[i] = round_to_tf32(row[i], half_ulp);
    }
  }
}

/// Two pairs of f16 in e5m2, which is the upper half of f16: truncated, and rounded.
__device__ __forceinline__ std::uint32_t truncate_to_e5m2(std::uint32_t first, std::uint32_t second) {
  return __byte_perm(first, second, 0x7531);
}
__device__ __forceinline__ std::uint32_t round_to_e5m2(std::uint32_t first, std::uint32_t second) {
  return truncate_to_e5m2(first + 0x00800080u, second + 0x00800080u);
}

/// Lays the numbers l where the products of low parts take them. Past the last kw nothing is read: its
/// weights are zero, and zero times infinity is a NaN.
template <class Traits>
__device__ __forceinline__ void make_low_operands(Operands<Traits>& operands, const Window<Traits>& window) {
#pragma unroll
  for (int i = 0; i <= Traits::kKw; ++i) {
    const int column = Traits::kSkipped + i;
    const std::uint32_t value = round_to_e5m2(window.x[1][column], window.x[3][column]);
#pragma unroll
    for (int pair = 0; pair < Traits::kLowPairs; ++pair) {
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const int kw = 2 * pair + r / 2;
        if (kw < Traits::kKw && kw + r % 2 == i) operands.low[pair][r] = copy_register(value);
        if (kw >= Traits::kKw && i == 0) operands.low[pair][r] = copy_register(0);
      }
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
      } else if constexpr (Traits::kScaled) {
        place(0, window.x[2 * half][column]);
        place(1, window.x[2 * half + 1][column]);
        // Opposite r stand the weights' h, and opposite h their r.
        place(2, half == 0 ? window.rest[column % 2][column / 2]
                           : truncate_to_e5m2(window.x[0][column], window.x[2][column]));
      } else if constexpr (Traits::kWide) {
        split_to_bf16(window.x[2 * half][column], window.x[2 * half + 1][column], place);
      } else {
        place(0, window.x[half][column]);
      }
    }
  }
  if constexpr (Traits::kScaled) make_low_operands(operands, window);
}

}  // namespace upconv::kernels::cuda::device
