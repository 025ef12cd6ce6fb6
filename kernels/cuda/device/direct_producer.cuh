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
    index += workers<Traits>();
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
  /// Whether the fetched tile, and `margin` columns before it, lie within the rows.
  __device__ __forceinline__ bool inside(const DirectArguments& p, int margin) const {
    return origin(p) >= margin && origin(p) + Traits::kPitch <= p.iw;
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
    for (; index < p.items; index += workers<Traits>()) {
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

/// One thread: by the copy engine.
template <class Traits>
__device__ __forceinline__ void fetch_box(const ChunkCursor<Traits>& chunk, const CUtensorMap& map,
                                          const DirectArguments& p, int group, void* tile, Barrier& full) {
  barrier_arrive_expect(full, Traits::kChunkBytes);
  copy_box(tile, map, chunk.origin(p), chunk.ih, chunk.step * Traits::kChannels, group, chunk.n, full);
}

/// The feeder threads, in fp32 a warp of them: 32-bit elements one by one, for rows of any width and
/// alignment.
template <class Traits>
requires(!Traits::kHalves) __device__ __forceinline__
    void fetch_tile(const ChunkCursor<Traits>& chunk, const DirectArguments& p, int group, void* tile,
                    Barrier& full, int thread) {
  const int channels = min(Traits::kChannels, p.ci - chunk.step * Traits::kChannels);
  const int origin = chunk.origin(p);
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  constexpr int kThreads = Traits::kSplit ? 32 : Traits::kFeederThreads;
#pragma unroll
  for (int first = 0; first < Traits::kPitch; first += kThreads) {
    const int column = first + thread;
    if (column >= Traits::kPitch) break;
    const bool inside = origin + column >= 0 && origin + column < p.iw;
    const auto* from = chunk.row(p, group) + origin + column;
    auto* to = static_cast<typename Traits::Element*>(tile) + column;
#pragma unroll 4
    for (int c = 0; c < Traits::kChannels; ++c, from += plane, to += Traits::kPitch) {
      const bool wanted = inside && c < channels;
      copy_word(to, wanted ? from : p.x, wanted ? 4 : 0);
    }
  }
  barrier_arrive_after_copies(full);
}

/// 16-bit elements that a row's part in a tile was fetched too early: the 16-byte vectors that hold it are.
__device__ __forceinline__ int lead_of(const std::uint16_t* part) {
  return static_cast<int>(reinterpret_cast<std::uintptr_t>(part) / 2 % 8);
}

/// Deals kVectors vectors of 16 bytes in every row of a tile to the feeder threads, eight to a row: calls
/// visit(index of the thread's own, row, vector).
template <class Traits, int kVectors, class Visit>
__device__ __forceinline__ void for_each_vector(int thread, Visit&& visit) {
  constexpr int kPerRow = (kVectors + 7) / 8, kRows = Traits::kFeederThreads / 8;
  static_assert(Traits::kChannels % kRows == 0);
#pragma unroll
  for (int i = 0; i < Traits::kChannels / kRows * kPerRow; ++i) {
    const int row = thread / 8 + i / kPerRow * kRows, vector = thread % 8 + i % kPerRow * 8;
    if ((i % kPerRow + 1) * 8 <= kVectors || vector < kVectors) visit(i, row, vector);
  }
}

/// The same for 16-bit elements, which are fetched as the vectors that hold them: load_tile puts them right,
/// and clears what lies beyond the border.
template <class Traits>
requires Traits::kHalves __device__ __forceinline__ void fetch_tile(const ChunkCursor<Traits>& chunk,
                                                                    const DirectArguments& p, int group,
                                                                    void* tile, Barrier& full, int thread) {
  static_assert(Traits::kReach + 7 <= Traits::kPitch);
  const int channels = min(Traits::kChannels, p.ci - chunk.step * Traits::kChannels);
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  const int origin = chunk.origin(p);
  const std::uint16_t* first = chunk.row(p, group) + origin;
  const auto copy = [&](int row, int vector, const std::uint16_t* from, int bytes) {
    copy_vector(static_cast<std::uint16_t*>(tile) + row * Traits::kPitch + vector * 8, from, bytes);
  };
  if (chunk.inside(p, 7) && channels == Traits::kChannels) {
    for_each_vector<Traits, Traits::kPitch / 8>(thread, [&](int, int row, int vector) {
      const std::uint16_t* part = first + row * plane;
      copy(row, vector, part - lead_of(part) + vector * 8, 16);
    });
  } else {
    const auto* nothing = static_cast<const std::uint16_t*>(p.x);
    nothing -= lead_of(nothing);
    for_each_vector<Traits, Traits::kPitch / 8>(thread, [&](int, int row, int vector) {
      const std::uint16_t* part = first + row * plane;
      const int ahead = vector * 8 - lead_of(part), column = origin + ahead;
      const int count = row < channels && column > -8 ? max(min(p.iw - column, 8), 0) : 0;
      copy(row, vector, count > 0 ? part + ahead : nothing, 2 * count);
    });
  }
  barrier_arrive_after_copies(full);
}

/// A converted tile is there; each of its threads says so.
__device__ __forceinline__ void hand_over(Barrier& ready, const DirectArguments& p) {
  // The copy engine will write where ordinary stores did.
  if (p.boxes) asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  barrier_arrive(ready);
}

}  // namespace upconv::kernels::cuda::device
