#pragma once

#include <type_traits>

#include <upconv/kernels/cuda/device/strided_copy.cuh>

namespace upconv::kernels::cuda::device {

/// 16 bytes as words.
struct Words {
  std::uint32_t word[4];
};

/// 16 bytes from an address that is a multiple of kAlignment. Where that is 2, two bytes of an aligned word
/// that begins before them are read as well.
template <int kAlignment>
__device__ __forceinline__ Words load_16_bytes_aligned(const void* from) {
  Words words;
  const auto* bytes = static_cast<const char*>(from);
  if constexpr (kAlignment >= 4) {
    constexpr int kWords = kAlignment / 4;
#pragma unroll
    for (int i = 0; i < 4; i += kWords)
      load_words<kWords>(words.word + i, bytes + 4 * i);
  } else {
    const auto odd = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(from) & 2);
    std::uint32_t aligned[5];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      load_words<1>(aligned + i, bytes - odd + 4 * i);
    aligned[4] = odd != 0 ? *reinterpret_cast<const std::uint16_t*>(bytes + 14) : 0u;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      words.word[i] = __funnelshift_r(aligned[i], aligned[i + 1], 8 * odd);
  }
  return words;
}

/// The same elements, the last one first.
template <class T>
__device__ __forceinline__ Words reversed(const Words& from) {
  const auto turned = [](std::uint32_t word) {
    return sizeof(T) == 2 ? __funnelshift_r(word, word, 16) : word;
  };
  if constexpr (sizeof(T) == 8) return {from.word[2], from.word[3], from.word[0], from.word[1]};
  return {turned(from.word[3]), turned(from.word[2]), turned(from.word[1]), turned(from.word[0])};
}

inline constexpr int kSlotsOfThread = 4;

/// Copies rows of `size` elements, which lie side by side in y, and in x too or, kReversed, the other way
/// round. A row of y is cut at multiples of 16 bytes into `slots` slots, of which the first and the last may
/// be narrower, or empty. A thread moves kSlotsOfThread slots, 256 apart, and loads them all before it stores
/// one. kAlignment: of x's elements that belong to a slot of y.
template <class T, int kAlignment, bool kReversed, class Index>
__global__ void __launch_bounds__(256)
    copy_rows(const T* x, T* y, Index count, Divisor slots, std::int64_t size, StridedCopyArguments outer) {
  constexpr int V = 16 / sizeof(T);
  const Index first = Index(blockIdx.x) * (256 * kSlotsOfThread) + threadIdx.x;
  Words words[kSlotsOfThread];
  const T* from[kSlotsOfThread];       // of the row
  T* to[kSlotsOfThread];               // likewise
  std::int64_t begin[kSlotsOfThread];  // of the slot, in elements of the row
  const auto is_whole = [size](std::int64_t at) { return at >= 0 && at + V <= size; };
#pragma unroll
  for (int k = 0; k < kSlotsOfThread; ++k) {
    const Index i = first + k * 256;
    begin[k] = size;
    if (i >= count) continue;
    const Index row = slots.quotient(i);
    std::int64_t in = 0, out = 0;
    outer.walk(row, in, out);
    from[k] = x + in;
    to[k] = y + out;
    const auto skew = static_cast<int>(reinterpret_cast<std::uintptr_t>(to[k]) % 16 / sizeof(T));
    begin[k] = static_cast<std::int64_t>(i - row * static_cast<Index>(slots.divisor)) * V - skew;
    if (is_whole(begin[k]))
      words[k] =
          load_16_bytes_aligned<kAlignment>(kReversed ? from[k] - (begin[k] + V - 1) : from[k] + begin[k]);
  }
#pragma unroll
  for (int k = 0; k < kSlotsOfThread; ++k) {
    if (is_whole(begin[k])) {
      *reinterpret_cast<uint4*>(to[k] + begin[k]) = [&] {
        const Words w = kReversed ? reversed<T>(words[k]) : words[k];
        return uint4{w.word[0], w.word[1], w.word[2], w.word[3]};
      }();
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const std::int64_t at = begin[k] + v;
        if (at >= 0 && at < size) to[k][at] = from[k][kReversed ? -at : at];
      }
    }
  }
}

}  // namespace upconv::kernels::cuda::device
