#pragma once

#include <upconv/kernels/cuda/device/direct_fragment.cuh>
#include <upconv/kernels/cuda/device/direct_producer.cuh>

/// The feeders of TF32 and 16 bits. They fetch ahead; the consumers take tiles as they were fetched and
/// convert them in registers. Only tiles that the consumers' vectors cannot read are put right in place:
/// those that begin at another column than they should, and 16-bit rows that cp.async brought.
namespace upconv::kernels::cuda::device {

/// A thread's part of a tile: the vectors that for_each_vector deals it, of those that consumers read.
template <class Traits>
struct TilePart {
  static constexpr int kRowWords = Traits::kChunkBytes / Traits::kChannels / 4;
  static constexpr int kVectors = Traits::kHalves ? (Traits::kReach + 7) / 8 : kRowWords / 4;
  std::uint32_t x[8 * Traits::kChannels / Traits::kFeederThreads * ((kVectors + 7) / 8)][4];
};

/// Loads a thread's part of the tile as it should be: every row moved left to where it should begin.
template <class Traits>
__device__ __forceinline__ void load_tile(TilePart<Traits>& part, const std::uint32_t* tile,
                                          const ChunkCursor<Traits>& chunk, const DirectArguments& p,
                                          int group, int thread) {
  using Part = TilePart<Traits>;
  const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
  const auto* first = chunk.row(p, group) + chunk.origin(p);
  for_each_vector<Traits, Part::kVectors>(thread, [&](int i, int row, int vector) {
    std::uint32_t(&v)[4] = part.x[i];
    const int at = row * Part::kRowWords + vector * 4;
    if constexpr (Traits::kHalves) {
      const int shift = p.boxes ? p.shift : lead_of(first + row * plane);
      const std::uint32_t* from = tile + at + shift / 2;
      std::uint32_t x[5];
#pragma unroll
      for (int w = 0; w < 5; ++w)
        x[w] = from[w];
#pragma unroll
      for (int w = 0; w < 4; ++w)
        v[w] = __funnelshift_r(x[w], x[w + 1], shift % 2 * 16);
    } else {
      // What moves in from beyond the tile is not needed, and may be anything in it.
#pragma unroll
      for (int w = 0; w < 4; ++w)
        v[w] = tile[min(static_cast<unsigned>(at + p.shift + w),
                        static_cast<unsigned>(Traits::kChannels * Part::kRowWords - 1))];
    }
  });
  if constexpr (Traits::kHalves) {
    if (p.boxes || chunk.inside(p, 0)) return;
    for_each_vector<Traits, Part::kVectors>(thread, [&](int i, int, int vector) {
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        const int column = chunk.origin(p) + 8 * vector + 2 * w;
        if (column < 0 || column >= p.iw) part.x[i][w] &= 0xffff0000u;
        if (column + 1 < 0 || column + 1 >= p.iw) part.x[i][w] &= 0x0000ffffu;
      }
    });
  }
}

template <class Traits>
__device__ __forceinline__ void store_tile(const TilePart<Traits>& part, std::uint32_t* tile, int thread) {
  using Part = TilePart<Traits>;
  for_each_vector<Traits, Part::kVectors>(thread, [&](int i, int row, int vector) {
    const auto& v = part.x[i];
    *reinterpret_cast<uint4*>(tile + row * Part::kRowWords + vector * 4) = make_uint4(v[0], v[1], v[2], v[3]);
  });
}

/// The feeder threads of one consumer.
template <class Traits>
requires(!Traits::kSplit) __device__ __forceinline__
    void feed(DirectShared<Traits>& shared, const CUtensorMap& map, const DirectArguments& p, int consumer,
              int group, int worker, int thread) {
  if (!p.realign && p.boxes && thread > 0) return;
  unsigned char* ring = shared.ring(consumer, p.stages);
  ChunkCursor<Traits> ahead(p, worker), chunk = ahead;
  RingCursor empty(1), full(0);
  // Half of the ring is being fetched, half waits for the consumer. That one holds a stage until its products
  // are issued, and where it loads first the next one too.
  constexpr int kHeldStages = Traits::kLoadsFirst ? 2 : 1;
  int lead = p.realign ? min((p.stages + 1) / 2, p.stages - kHeldStages) : 1;
#pragma unroll 1
  while (p.realign ? chunk.valid(p) : ahead.valid(p)) {
    if (ahead.valid(p)) {
      empty.wait(shared.empty[consumer]);
      void* tile = ring + empty.stage * Traits::kStageBytes;
      Barrier& done = shared.full[consumer][empty.stage];
      if (!p.boxes) {
        fetch_tile<Traits>(ahead, p, group, tile, done, thread);
      } else if (thread == 0) {
        fetch_box<Traits>(ahead, map, p, group, tile, done);
      }
      ahead.advance(p);
      empty.advance(p.stages);
    }
    if (lead > 0) {
      lead -= p.realign;
      continue;
    }
    full.wait(shared.full[consumer]);
    auto* tile = reinterpret_cast<std::uint32_t*>(ring + full.stage * Traits::kStageBytes);
    int self = thread;
    asm volatile("" : "+r"(self));  // else every address of a thread's part is kept in a register of its own
    TilePart<Traits> part;
    load_tile<Traits>(part, tile, chunk, p, group, self);
    // Others read the words that this thread will write.
    asm volatile("barrier.cta.sync %0, %1;" ::"r"(consumer + 1), "n"(Traits::kFeederThreads) : "memory");
    store_tile<Traits>(part, tile, self);
    hand_over(shared.ready[consumer][full.stage], p);
    chunk.advance(p);
    full.advance(p.stages);
  }
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  empty.wait(shared.empty[consumer]);
  if (!p.realign) {
    barrier_arrive(shared.full[consumer][empty.stage]);
  } else {
    hand_over(shared.ready[consumer][empty.stage], p);
  }
}

}  // namespace upconv::kernels::cuda::device
