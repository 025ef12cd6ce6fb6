#pragma once

#include "copy.cuh"
#include "direct_traits.cuh"

/// Fills a ring with the chunks that its warpgroup will read: kChannels channels of one input row, NCHW as they
/// are, columns beyond the border zero.
namespace upconv::kernels::cuda::device {

/// Calls `fetch(n, ih, origin column, step)` for every chunk of the worker's items, in order.
template <class Traits, class Fetch>
__device__ __forceinline__ void for_each_chunk(const DirectArguments& p, int worker, int workers, Fetch&& fetch) {
  for (int index = worker; index < p.items; index += workers) {
    const DirectItem item = item_at<Traits>(p, index);
    const int ih0 = item.oh0 - p.lead_h;
    const int begin = max(ih0, 0), end = min(ih0 + item.rows + Traits::kKh - 1, p.ih);
    const int origin = item.ow0 - p.lead_w - Traits::kSkip - p.shift;
    for (int ih = begin; ih < end; ++ih) {
      for (int step = 0; step < p.steps; ++step)
        fetch(item.n, ih, origin, step);
    }
  }
}

/// How many chunks those are.
template <class Traits>
__device__ __forceinline__ int chunk_count(const DirectArguments& p, int worker, int workers) {
  int rows = 0;
  for (int index = worker; index < p.items; index += workers) {
    const DirectItem item = item_at<Traits>(p, index);
    const int ih0 = item.oh0 - p.lead_h;
    rows += max(0, min(ih0 + item.rows + Traits::kKh - 1, p.ih) - max(ih0, 0));
  }
  return rows * p.steps;
}

/// One thread: by the copy engine.
template <class Traits>
__device__ __forceinline__ void produce_boxes(DirectShared<Traits>& shared, const CUtensorMap& map,
                                              const DirectArguments& p, int consumer, int group, int worker,
                                              int workers) {
  unsigned char* ring = shared.ring(consumer, p.stages);
  RingCursor at;
  for_each_chunk<Traits>(p, worker, workers, [&](int n, int ih, int origin, int step) {
    barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
    Barrier& full = shared.full[consumer][at.stage];
    barrier_arrive_expect(full, Traits::kChunkBytes);
    copy_box(ring + at.stage * Traits::kChunkBytes, map, origin, ih, step * Traits::kChannels, group, n, full);
    at.advance(p.stages);
  });
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
  barrier_arrive(shared.full[consumer][at.stage]);
}

/// kProducerThreads threads: by ordinary copies, for any width and alignment.
template <class Traits>
__device__ __forceinline__ void produce_elements(DirectShared<Traits>& shared, const DirectArguments& p, int consumer,
                                                 int group, int worker, int workers, int thread) {
  using Element = typename Traits::Element;
  constexpr int kThreads = Traits::kProducerThreads, kChannels = Traits::kChannels;
  constexpr int kWhole = Traits::kReach / kThreads, kRest = Traits::kReach % kThreads;  // columns
  constexpr int kRestCopies = (kRest * kChannels + kThreads - 1) / kThreads;
  constexpr int kCopies = kWhole * kChannels + kRestCopies;  // of a thread
  unsigned char* ring = shared.ring(consumer, p.stages);
  RingCursor at;
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  for_each_chunk<Traits>(p, worker, workers, [&](int n, int ih, int origin, int step) {
    const int channels = min(kChannels, p.ci - step * kChannels);
    const Element* row = static_cast<const Element*>(p.x) +
        ((static_cast<std::int64_t>(n) * p.groups + group) * p.ci + step * kChannels) * plane +
        static_cast<std::int64_t>(ih) * p.iw;
    Barrier& full = shared.full[consumer][at.stage];
    Element* tile = reinterpret_cast<Element*>(ring + at.stage * Traits::kChunkBytes);  // [kChannels][kPitch]
    // Calls copy(i, column, channel, from or null) for every element of the thread: whole columns, then a share of the
    // last few.
    const auto for_each_copy = [&](auto&& copy) {
#pragma unroll
      for (int k = 0; k < kWhole; ++k) {
        const int column = thread + k * kThreads;
        const bool inside = origin + column >= 0 && origin + column < p.iw;
        const Element* from = row + origin + column;
#pragma unroll
        for (int c = 0; c < kChannels; ++c)
          copy(k * kChannels + c, column, c, inside && c < channels ? from + c * plane : nullptr);
      }
#pragma unroll
      for (int k = 0; k < kRestCopies; ++k) {
        const int i = thread + k * kThreads;
        const int column = kWhole * kThreads + i % kRest, c = i / kRest;
        if (c >= kChannels) continue;
        const bool inside = origin + column >= 0 && origin + column < p.iw && c < channels;
        copy(kWhole * kChannels + k, column, c, inside ? row + origin + column + c * plane : nullptr);
      }
    };
    if constexpr (Traits::kHalves) {
      Element values[kCopies];  // cp.async copies no less than 4 bytes
      for_each_copy([&](int i, int, int, const Element* from) { values[i] = from ? __ldg(from) : Element{0}; });
      barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
      for_each_copy([&](int i, int column, int c, const Element*) { tile[c * Traits::kPitch + column] = values[i]; });
      barrier_arrive(full);
    } else {
      barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
      for_each_copy([&](int, int column, int c, const Element* from) {
        copy_word_or_zero(tile + c * Traits::kPitch + column, from ? from : p.x, from != nullptr);
      });
      barrier_arrive_after_copies(full);
    }
    at.advance(p.stages);
  });
  barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
  barrier_arrive(shared.full[consumer][at.stage]);
}

}  // namespace upconv::kernels::cuda::device
