#pragma once

#include <upconv/kernels/cuda/device/copy.cuh>
#include <upconv/kernels/cuda/device/direct_traits.cuh>

/// Fills a ring with the chunks that its warpgroup will read: kChannels channels of one input row, NCHW as
/// they are, columns beyond the border zero.
namespace upconv::kernels::cuda::device {

/// Calls `fetch(n, ih, origin column, step)` for every chunk of the worker's items, in order.
template <class Traits, class Fetch>
__device__ __forceinline__ void for_each_chunk(const DirectArguments& p, int worker, int workers,
                                               Fetch&& fetch) {
  for (int index = worker; index < p.items; index += workers) {
    const DirectItem item = item_at<Traits>(p, index);
    const int ih0 = item.oh0 - p.lead_h;
    const int begin = max(ih0, 0), end = min(ih0 + item.rows + p.kh - 1, p.ih);
    const int origin = item.ow0 - p.lead_w - Traits::kSkip - p.shift;
    for (int ih = begin; ih < end; ++ih) {
      for (int step = 0; step < p.steps; ++step)
        fetch(item.n, ih, origin, step);
    }
  }
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
    copy_box(ring + at.stage * Traits::kChunkBytes, map, origin, ih, step * Traits::kChannels, group, n,
             full);
    at.advance(p.stages);
  });
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
  barrier_arrive(shared.full[consumer][at.stage]);
}

/// kProducerThreads threads: by ordinary copies, for any width and alignment.
template <class Traits>
__device__ __forceinline__ void produce_elements(DirectShared<Traits>& shared, const DirectArguments& p,
                                                 int consumer, int group, int worker, int workers,
                                                 int thread) {
  using Element = typename Traits::Element;
  constexpr int kThreads = Traits::kProducerThreads, kChannels = Traits::kChannels;
  constexpr int kColumns = (Traits::kReach + kThreads - 1) / kThreads;  // of a thread, at most
  unsigned char* ring = shared.ring(consumer, p.stages);
  RingCursor at;
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  for_each_chunk<Traits>(p, worker, workers, [&](int n, int ih, int origin, int step) {
    const int channels = min(kChannels, p.ci - step * kChannels);
    const Element* row =
        static_cast<const Element*>(p.x) +
        ((static_cast<std::int64_t>(n) * p.groups + group) * p.ci + step * kChannels) * plane +
        static_cast<std::int64_t>(ih) * p.iw;
    Barrier& full = shared.full[consumer][at.stage];
    Element* tile = reinterpret_cast<Element*>(ring + at.stage * Traits::kChunkBytes);  // [kChannels][kPitch]
    const auto is_inside = [&](int column) {
      return column < Traits::kReach && origin + column >= 0 && origin + column < p.iw;
    };
    barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
    if constexpr (Traits::kHalves) {
      // cp.async copies no less than 4 bytes: loads first, then the stores, as many as fit the registers.
      constexpr int kTogether = 8;
#pragma unroll 1
      for (int first = 0; first < kChannels; first += kTogether) {
        Element values[kColumns][kTogether];
#pragma unroll
        for (int k = 0; k < kColumns; ++k) {
          const int column = thread + k * kThreads;
          const bool inside = is_inside(column);
          const Element* from = row + first * plane + origin + column;
#pragma unroll
          for (int c = 0; c < kTogether; ++c, from += plane)
            values[k][c] = inside && first + c < channels ? __ldg(from) : Element{0};
        }
#pragma unroll
        for (int k = 0; k < kColumns; ++k) {
          const int column = thread + k * kThreads;
          if (column >= Traits::kReach) break;
#pragma unroll
          for (int c = 0; c < kTogether; ++c)
            tile[(first + c) * Traits::kPitch + column] = values[k][c];
        }
      }
      barrier_arrive(full);
    } else {
#pragma unroll
      for (int k = 0; k < kColumns; ++k) {
        const int column = thread + k * kThreads;
        if (column >= Traits::kReach) break;
        const bool inside = is_inside(column);
        const Element* from = row + (inside ? origin + column : 0);
        Element* to = tile + column;
#pragma unroll
        for (int c = 0; c < kChannels; ++c, from += plane, to += Traits::kPitch)
          copy_word_or_zero(to, inside && c < channels ? from : row, inside && c < channels);
      }
      barrier_arrive_after_copies(full);
    }
    at.advance(p.stages);
  });
  barrier_wait(shared.empty[consumer][at.stage], at.parity ^ 1);
  barrier_arrive(shared.full[consumer][at.stage]);
}

}  // namespace upconv::kernels::cuda::device
