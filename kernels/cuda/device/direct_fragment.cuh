#pragma once

#include <upconv/kernels/cuda/device/direct_traits.cuh>

/// A thread's pixels in registers. The products' row m of a 16-row warp tile is not pixel m: a thread's rows
/// are kRun consecutive pixels, so that the A operand of the next kw is the thread's own registers, one pixel
/// further on. A chunk is therefore read from shared memory and rounded or split once, whatever the kernel's
/// width.
namespace upconv::kernels::cuda::device {

/// What a thread reads of a chunk, as it lies in memory: columns kFirst ... of its run in the channels lane%4
/// + 4c. Half h of the k step is, in TF32, channel c = h; in 16 bits the pair of channels c = 2h and 2h + 1.
template <class Traits>
struct Window {
  static constexpr int kWords = Traits::kWindow * static_cast<int>(sizeof(typename Traits::Element)) / 4;
  std::uint32_t x[Traits::kChannels / 4][kWords];

  /// Calls visit(x) for every element (two, in 16 bits) that is needed.
  template <class Visit>
  __device__ __forceinline__ void for_each(Visit&& visit) {
    constexpr int kPerWord = Traits::kHalves ? 2 : 1;
#pragma unroll
    for (auto& channel : x) {
#pragma unroll
      for (int w = Traits::kSkipped / kPerWord; w <= (Traits::kSkipped + Traits::kColumns - 1) / kPerWord;
           ++w)
        visit(channel[w]);
    }
  }
};

/// The A operands: `a[part][i]` holds columns i and i + kBlocks (the two rows of a thread) of both halves, in
/// the order of the instruction, which wants four consecutive registers. Block b at kw reads a[part][kw + b].
template <class Traits>
struct Operands {
  std::uint32_t a[Traits::kParts][Traits::kKw + Traits::kBlocks - 1][4];
};

__device__ __forceinline__ std::uint32_t round_to_tf32(std::uint32_t x) {
  std::uint32_t rounded;
  asm volatile("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(x)));
  return rounded;
}

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

template <int kCount>
__device__ __forceinline__ void load_words(std::uint32_t* to, const void* from) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4);
  if constexpr (kCount == 1) {
    to[0] = *static_cast<const std::uint32_t*>(from);
  } else if constexpr (kCount == 4) {
    const uint4 v = *static_cast<const uint4*>(from);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  } else {
    const uint2 v = *static_cast<const uint2*>(from);
    to[0] = v.x, to[1] = v.y;
  }
}

/// `run` points at the thread's run in the tile [kChannels][kPitch], channel lane % 4, at a vector.
template <class Traits>
__device__ __forceinline__ void load_vectors(Window<Traits>& window, const typename Traits::Element* run) {
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

/// The same where the run begins anywhere; only what is needed is read.
template <class Traits>
__device__ __forceinline__ void load_elements(Window<Traits>& window, const typename Traits::Element* run) {
  constexpr int kPerWord = Traits::kHalves ? 2 : 1;
  constexpr int kBegin = Traits::kSkipped / kPerWord,
                kEnd = (Traits::kSkipped + Traits::kColumns - 1) / kPerWord + 1;
  const auto address = reinterpret_cast<std::uintptr_t>(run + Traits::kFirst);
  const auto* words = reinterpret_cast<const std::uint32_t*>(address & ~std::uintptr_t{3});
#pragma unroll
  for (int c = 0; c < Traits::kChannels / 4; ++c, words += Traits::kPitch * 4 / kPerWord) {
    std::uint32_t next = words[kBegin];
#pragma unroll
    for (int w = kBegin; w < kEnd; ++w) {
      window.x[c][w] = next;
      if (Traits::kHalves || w + 1 < kEnd) next = words[w + 1];
      if (Traits::kHalves && (address & 2) != 0) window.x[c][w] = __funnelshift_r(window.x[c][w], next, 16);
    }
  }
}

/// In place, while the products of the chunk before run: rounds (TF32), or pairs the channels of every pixel
/// (16 bits: afterwards the words of channels 2h and 2h + 1 are the even and the odd pixel). Split elements
/// are no business of this one.
template <class Traits>
__device__ __forceinline__ void convert(Window<Traits>& window) {
  if constexpr (Traits::kHalves) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
#pragma unroll
      for (int w = 0; w < Window<Traits>::kWords; ++w) {
        const std::uint32_t low = window.x[2 * h][w], high = window.x[2 * h + 1][w];
        window.x[2 * h][w] = pair_of(low, high, 0);
        window.x[2 * h + 1][w] = pair_of(low, high, 1);
      }
    }
  } else if constexpr (!Traits::kSplit) {
    window.for_each([](std::uint32_t& x) { x = round_to_tf32(x); });
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
