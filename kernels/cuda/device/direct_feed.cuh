#pragma once

#include <upconv/kernels/cuda/device/direct_fragment.cuh>
#include <upconv/kernels/cuda/device/direct_producer.cuh>

/// The feeders of TF32 and 16 bits. They fetch ahead; the consumers take tiles as they were fetched and
/// convert them in registers. Only tiles that the consumers' vectors cannot read are put right in place:
/// those that begin at another column than they should, and 16-bit rows that begin within a word.
namespace upconv::kernels::cuda::device {

/// A thread's part of a tile: vectors of four words. Eight threads share a row.
template <class Traits>
struct TilePart {
  static constexpr int kRowWords = Traits::kChunkBytes / Traits::kChannels / 4, kVectors = kRowWords / 4;
  static constexpr int kPerRow = (kVectors + 7) / 8, kCount = Traits::kChannels / 8 * kPerRow;
  std::uint32_t x[kCount][4];

  /// Calls visit(the thread's index i, row, first word of the vector in it).
  template <class Visit>
  __device__ __forceinline__ static void for_each(int thread, Visit&& visit) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int row = thread / 8 + i / kPerRow * 8, vector = thread % 8 + i % kPerRow * 8;
      if ((i % kPerRow + 1) * 8 <= kVectors || vector < kVectors) visit(i, row, vector * 4);
    }
  }
};

template <class Traits>
__device__ __forceinline__ void load_tile(TilePart<Traits>& part, const std::uint32_t* tile,
                                          const ChunkCursor<Traits>& chunk, const DirectArguments& p,
                                          int group, int thread) {
  using Part = TilePart<Traits>;
  Part::for_each(thread, [&](int i, int row, int word) {
    load_words<4>(part.x[i], tile + row * Part::kRowWords + word);
  });
  if constexpr (Traits::kHalves) {
    if (p.boxes) return;
    // Words came as they lie in memory: brings rows that begin an element early to their place, and clears
    // what is beyond the border.
    const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
    const auto* first = chunk.row(p, group) + chunk.origin(p);
    Part::for_each(thread, [&](int i, int row, int word) {
      std::uint32_t(&v)[4] = part.x[i];
      if (is_odd<Traits>(first + row * plane)) {
        const std::uint32_t next = word + 4 < Part::kRowWords ? tile[row * Part::kRowWords + word + 4] : 0;
#pragma unroll
        for (int w = 0; w < 4; ++w)
          v[w] = __funnelshift_r(v[w], w < 3 ? v[w + 1] : next, 16);
      }
      if (chunk.origin(p) >= 0 && chunk.origin(p) + Traits::kPitch <= p.iw) return;
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        const int column = chunk.origin(p) + 2 * (word + w);
        if (column < 0 || column >= p.iw) v[w] &= 0xffff0000u;
        if (column + 1 < 0 || column + 1 >= p.iw) v[w] &= 0x0000ffffu;
      }
    });
  }
}

template <class Traits>
__device__ __forceinline__ void store_tile(const TilePart<Traits>& part, std::uint32_t* tile, int shift,
                                           int thread) {
  using Part = TilePart<Traits>;
  Part::for_each(thread, [&](int i, int row, int word) {
    const auto& v = part.x[i];
    std::uint32_t* to = tile + row * Part::kRowWords;
    if (shift == 0) {
      *reinterpret_cast<uint4*>(to + word) = make_uint4(v[0], v[1], v[2], v[3]);
      return;
    }
    const auto put = [&](auto* elements, int column, auto value) {
      if (column >= 0 && column < Traits::kPitch) elements[column] = value;
    };
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      if constexpr (Traits::kHalves) {
        auto* halves = reinterpret_cast<std::uint16_t*>(to);
        put(halves, 2 * (word + w) - shift, static_cast<std::uint16_t>(v[w]));
        put(halves, 2 * (word + w) + 1 - shift, static_cast<std::uint16_t>(v[w] >> 16));
      } else {
        put(to, word + w - shift, v[w]);
      }
    }
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
  // Half of the ring is being fetched, half waits for the consumer.
  int lead = p.realign ? (p.stages + 1) / 2 : 1;
#pragma unroll 1
  while (p.realign ? chunk.valid(p) : ahead.valid(p)) {
    if (ahead.valid(p)) {
      empty.wait(shared.empty[consumer]);
      void* tile = ring + empty.stage * Traits::kChunkBytes;
      Barrier& done = shared.full[consumer][empty.stage];
      if (!p.boxes) {
        fetch_words<Traits, Traits::kFeederThreads>(ahead, p, group, tile, done, thread);
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
    auto* tile = reinterpret_cast<std::uint32_t*>(ring + full.stage * Traits::kChunkBytes);
    int self = thread;
    asm volatile("" : "+r"(self));  // else every address of a thread's part is kept in a register of its own
    TilePart<Traits> part;
    load_tile<Traits>(part, tile, chunk, p, group, self);
    // Others read the words that this thread will write.
    asm volatile("barrier.cta.sync %0, %1;" ::"r"(consumer + 1), "n"(Traits::kFeederThreads) : "memory");
    store_tile<Traits>(part, tile, p.shift - p.offset, self);
    hand_over(shared.ready[consumer][full.stage]);
    chunk.advance(p);
    full.advance(p.stages);
  }
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  empty.wait(shared.empty[consumer]);
  if (!p.realign) {
    barrier_arrive(shared.full[consumer][empty.stage]);
  } else {
    hand_over(shared.ready[consumer][empty.stage]);
  }
}

}  // namespace upconv::kernels::cuda::device
