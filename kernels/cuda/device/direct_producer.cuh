#pragma once

#include <upconv/kernels/cuda/device/copy.cuh>
#include <upconv/kernels/cuda/device/direct_traits.cuh>

/// Brings the chunks that a warpgroup will read into its ring: kChannels channels of one input row, NCHW as
/// they are, columns beyond the border zero.
namespace upconv::kernels::cuda::device {

/// The chunks of a worker's items, in order.
template <class Traits>
struct ChunkCursor {
  int index, n, ow0, ih, end, step = 0;

  __device__ __forceinline__ ChunkCursor(const DirectArguments& p, int worker) : index(worker) {
    begin_item(p);
  }
  __device__ __forceinline__ bool valid(const DirectArguments& p) const { return index < p.items; }
  __device__ __forceinline__ void advance(const DirectArguments& p) {
    if (++step < p.steps) return;
    step = 0;
    if (++ih < end) return;
    index += gridDim.x * Traits::kConsumers;
    begin_item(p);
  }
  /// Advances `count` times. True if that made it leave the last chunk just now.
  __device__ __forceinline__ bool skip(const DirectArguments& p, int count) {
    bool left = false;
    for (int i = 0; i < count; ++i) {
      left = valid(p);
      if (left) advance(p);
      left = left && !valid(p);
    }
    return left;
  }
  /// The input column of the fetched tile's first.
  __device__ __forceinline__ int origin(const DirectArguments& p) const {
    return ow0 - p.lead_w - Traits::kSkip - p.shift;
  }
  /// The chunk's first channel in its row, at input column 0.
  __device__ __forceinline__ const typename Traits::Element* row(const DirectArguments& p, int group) const {
    const std::int64_t plane =
        (static_cast<std::int64_t>(n) * p.groups + group) * p.ci + step * Traits::kChannels;
    return static_cast<const typename Traits::Element*>(p.x) + (plane * p.ih + ih) * p.iw;
  }

 private:
  /// To the first row of this item, or of the next one that has any.
  __device__ __forceinline__ void begin_item(const DirectArguments& p) {
    for (; index < p.items; index += gridDim.x * Traits::kConsumers) {
      const DirectItem item = item_at<Traits>(p, index);
      const int ih0 = item.oh0 - p.lead_h;
      n = item.n;
      ow0 = item.ow0;
      ih = max(ih0, 0);
      end = min(ih0 + item.rows + Traits::kKh - 1, p.ih);
      if (ih < end) return;
    }
  }
};

/// In 16 bits words begin at even addresses: a row that does not begins an element early.
template <class Traits>
__device__ __forceinline__ int is_odd(const typename Traits::Element* row) {
  return Traits::kHalves ? static_cast<int>(reinterpret_cast<std::uintptr_t>(row) >> 1 & 1) : 0;
}

/// One thread: by the copy engine.
template <class Traits>
__device__ __forceinline__ void fetch_box(const ChunkCursor<Traits>& chunk, const CUtensorMap& map,
                                          const DirectArguments& p, int group, void* tile, Barrier& full) {
  barrier_arrive_expect(full, Traits::kChunkBytes);
  copy_box(tile, map, chunk.origin(p), chunk.ih, chunk.step * Traits::kChannels, group, chunk.n, full);
}

/// kThreads threads: word by word, for any width and alignment. In 16 bits, words that hold the border keep
/// what lies beyond it, see load_tile.
template <class Traits, int kThreads>
__device__ __forceinline__ void fetch_words(const ChunkCursor<Traits>& chunk, const DirectArguments& p,
                                            int group, void* tile, Barrier& full, int thread) {
  using Element = typename Traits::Element;
  constexpr int kPerWord = Traits::kHalves ? 2 : 1, kWords = Traits::kPitch / kPerWord;
  const int channels = min(Traits::kChannels, p.ci - chunk.step * Traits::kChannels);
  const int origin = chunk.origin(p);
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  const auto* nothing = static_cast<const Element*>(p.x) - is_odd<Traits>(static_cast<const Element*>(p.x));
#pragma unroll
  for (int first = 0; first < kWords; first += kThreads) {
    const int word = first + thread;
    if (word >= kWords) break;
    // Bytes that are wanted, of a row that begins at a word, and of one that begins an element early.
    const auto wanted = [&](int column) {
      return column + kPerWord <= 0 || column >= p.iw ? 0 : column + kPerWord > p.iw ? 2 : 4;
    };
    const int bytes[2] = {wanted(origin + kPerWord * word), wanted(origin + kPerWord * word - 1)};
    const Element* from = chunk.row(p, group) + origin + kPerWord * word;
    auto* to = static_cast<std::uint32_t*>(tile) + word;
#pragma unroll 4
    for (int c = 0; c < Traits::kChannels; ++c, from += plane, to += kWords) {
      const int odd = is_odd<Traits>(from), count = c < channels ? (odd != 0 ? bytes[1] : bytes[0]) : 0;
      copy_word(to, count > 0 ? from - odd : nothing, count);
    }
  }
  barrier_arrive_after_copies(full);
}

/// A converted tile is there; each of its threads says so.
__device__ __forceinline__ void hand_over(Barrier& ready) {
  // The copy engine will write where ordinary stores did.
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  barrier_arrive(ready);
}

}  // namespace upconv::kernels::cuda::device
