#pragma once

#include <cuda_fp16.h>

#include <upconv/kernels/cuda/device/direct_fragment.cuh>
#include <upconv/kernels/cuda/device/direct_producer.cuh>

/// The feeders' second task: tiles that are not as the consumers want them are put right in place.
///
///   fp32     x * 2^s = h + l * 2^-11 in f16: s lets the tile's largest magnitude be in [2^14, 2^15). Down to
///            2^-14, over 28 binary orders, h and l hold 22 bits or more. What is smaller is left for another
///            tile of the same chunk, with an s of its own: rare in practice, but no input is computed worse
///            than another. Afterwards row 8i + c (i < 2, c < 4) holds the pairs h of channels 8i + c and 8i
///            + 4 + c, and row 8i + 4 + c their l. Done here once for an element, and not once for every
///            thread that reads it.
///   wide     tiles of tiny numbers, whose low part would be no TF32 number, are scaled.
///   others   only what begins at another column than it should is moved.
namespace upconv::kernels::cuda::device {

/// The feeder threads of one consumer wait for each other.
__device__ __forceinline__ void feeders_sync(int consumer, int threads) {
  asm volatile("barrier.cta.sync %0, %1;" ::"r"(consumer + 1), "r"(threads) : "memory");
}

/// A thread's part of a tile: vectors, in rows that are converted together. As many threads share a row.
template <class Traits>
struct TilePart {
  static constexpr int kTogether = Traits::kPairs ? 2 : 1;  // rows r and r + 4
  static constexpr int kWords = Traits::kPairs ? 2 : 4;     // of a vector
  static constexpr int kRowWords = Traits::kChunkBytes / Traits::kChannels / 4, kVectors = kRowWords / kWords;
  static constexpr int kSharing = Traits::kFeederThreads / 8, kPerRow = (kVectors + kSharing - 1) / kSharing;
  static constexpr int kRows = Traits::kChannels / kTogether / 8, kCount = kRows * kPerRow;
  std::uint32_t x[kCount][kTogether][kWords];

  /// Calls visit(the thread's index i, row, first word of the vector in it).
  template <class Visit>
  __device__ __forceinline__ static void for_each(int thread, Visit&& visit) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int rows = thread / kSharing + i / kPerRow * 8;
      const int vector = thread % kSharing + i % kPerRow * kSharing;
      const int row = kTogether == 2 ? rows / 4 * 8 + rows % 4 : rows;
      if ((i % kPerRow + 1) * kSharing <= kVectors || vector < kVectors) visit(i, row, vector * kWords);
    }
  }
  template <class Visit>
  __device__ __forceinline__ void for_each_element(int thread, Visit&& visit) {
    for_each(thread, [&](int i, int, int) {
#pragma unroll
      for (auto& row : x[i]) {
#pragma unroll
        for (std::uint32_t& element : row)
          visit(element);
      }
    });
  }
};

template <class Traits>
__device__ __forceinline__ void load_tile(TilePart<Traits>& part, const std::uint32_t* tile,
                                          const ChunkCursor<Traits>& chunk, const DirectArguments& p,
                                          int group, int thread) {
  using Part = TilePart<Traits>;
  Part::for_each(thread, [&](int i, int row, int word) {
#pragma unroll
    for (int r = 0; r < Part::kTogether; ++r) {
      load_words<Part::kWords>(part.x[i][r], tile + (row + 4 * r) * Part::kRowWords + word);
    }
  });
  if constexpr (Traits::kHalves) {
    if (p.boxes) return;
    // Words came as they lie in memory: brings rows that begin an element early to their place, and clears
    // what is beyond the border.
    const std::int64_t plane = static_cast<std::int64_t>(p.ih) * p.iw;
    const auto* first = chunk.row(p, group) + chunk.origin(p);
    Part::for_each(thread, [&](int i, int row, int word) {
      std::uint32_t(&v)[4] = part.x[i][0];
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
  if (shift == 0) {
    Part::for_each(thread, [&](int i, int row, int word) {
#pragma unroll
      for (int r = 0; r < Part::kTogether; ++r) {
        const auto& v = part.x[i][r];
        std::uint32_t* to = tile + (row + 4 * r) * Part::kRowWords + word;
        if constexpr (Part::kWords == 4) {
          *reinterpret_cast<uint4*>(to) = make_uint4(v[0], v[1], v[2], v[3]);
        } else {
          *reinterpret_cast<uint2*>(to) = make_uint2(v[0], v[1]);
        }
      }
    });
    return;
  }
  Part::for_each(thread, [&](int i, int row, int word) {
#pragma unroll
    for (int r = 0; r < Part::kTogether; ++r) {
#pragma unroll
      for (int w = 0; w < Part::kWords; ++w) {
        if constexpr (Traits::kHalves) {
          auto* to = reinterpret_cast<std::uint16_t*>(tile + row * Part::kRowWords);
          const int column = 2 * (word + w) - shift;
          const std::uint32_t pair = part.x[i][r][w];
          if (column >= 0 && column < Traits::kPitch) to[column] = static_cast<std::uint16_t>(pair);
          if (column + 1 >= 0 && column + 1 < Traits::kPitch)
            to[column + 1] = static_cast<std::uint16_t>(pair >> 16);
        } else {
          const int column = word + w - shift;
          if (column >= 0 && column < Traits::kPitch)
            tile[(row + 4 * r) * Part::kRowWords + column] = part.x[i][r][w];
        }
      }
    }
  });
}

/// The largest and, less one, the smallest but zero of twice the bits, over a tile's elements below `limit`.
template <class Traits>
__device__ __forceinline__ uint2 extremes_of(TilePart<Traits>& part,
                                             uint2 (&shared)[Traits::kFeederThreads / 32],
                                             std::uint32_t limit, int consumer, int thread) {
  uint2 all{0, 0xffffffffu};
  part.for_each_element(thread, [&](std::uint32_t x) {
    const std::uint32_t twice = 2 * x;
    all.x = max(all.x, twice < limit ? twice : 0);
    all.y = min(all.y, twice - 1);
  });
  all = {__reduce_max_sync(0xffffffffu, all.x), __reduce_min_sync(0xffffffffu, all.y)};
  if (thread % 32 == 0) shared[thread / 32] = all;
  feeders_sync(consumer, Traits::kFeederThreads);
#pragma unroll
  for (const uint2 warp : shared)
    all = {max(all.x, warp.x), min(all.y, warp.y)};
  feeders_sync(consumer, Traits::kFeederThreads);  // before the next extremes are written
  return all;
}

constexpr std::uint32_t kTwiceInfinity = 0xff000000u;

/// What one tile of a chunk takes of it: magnitudes from `floor` on, given as twice the bits, times 2^scale.
struct Band {
  int scale;
  std::uint32_t floor;
  bool more;  // smaller ones are left

  __device__ __forceinline__ explicit Band(uint2 extremes) {
    scale = min(14 - (static_cast<int>(extremes.x >> 24) - 127), 126);
    // Past 2^113, even the smallest denormal has all its bits in h and l.
    floor = scale < 113 ? static_cast<std::uint32_t>(127 - 14 - scale) << 24 : 0;
    more = floor != 0 && extremes.y < floor - 1;
  }
};

/// Elements of two channels become their pair of h and their pair of l.
__device__ __forceinline__ void split(std::uint32_t& first, std::uint32_t& second, float scale) {
  const float2 x{__uint_as_float(first) * scale, __uint_as_float(second) * scale};
  const __half2 high = __float22half2_rn(x);
  const float2 back = __half22float2(high);
  const __half2 low = __floats2half2_rn((x.x - back.x) * 0x1p11f, (x.y - back.y) * 0x1p11f);
  first = *reinterpret_cast<const std::uint32_t*>(&high);
  second = *reinterpret_cast<const std::uint32_t*>(&low);
}

/// Converts a fetched tile in place: of fp32, what is below `limit`, which becomes the limit of the chunk's
/// next tile if the note says that there is one.
template <class Traits>
__device__ __forceinline__ TileNote convert_tile(DirectShared<Traits>& shared, std::uint32_t* tile,
                                                 const ChunkCursor<Traits>& chunk, const DirectArguments& p,
                                                 int consumer, int group, int thread, std::uint32_t& limit) {
  using Part = TilePart<Traits>;
  const auto sync = [&] { feeders_sync(consumer, Traits::kFeederThreads); };
  TileNote note{0, 0};
  Part part;
  load_tile<Traits>(part, tile, chunk, p, group, thread);
  if constexpr (Traits::kPairs) {  // `extremes_of` waits until all have read
    const Band band(extremes_of<Traits>(part, shared.extremes[consumer], limit, consumer, thread));
    const bool first = limit == kTwiceInfinity;  // takes infinities and NaNs along
    if (band.more || !first) {
      part.for_each_element(thread, [&](std::uint32_t& x) {
        if (2 * x < band.floor || (!first && 2 * x >= limit)) x = 0;
      });
    }
    const float scale = power_of_two(band.scale);
    Part::for_each(thread, [&](int i, int, int) {
#pragma unroll
      for (int w = 0; w < Part::kWords; ++w)
        split(part.x[i][0][w], part.x[i][1][w], scale);
    });
    note = {-band.scale, band.more};
    limit = band.more ? band.floor : kTwiceInfinity;
  } else if constexpr (Traits::kWide) {
    const uint2 extremes = extremes_of<Traits>(part, shared.extremes[consumer], ~0u, consumer, thread);
    if (extremes.x < (127u - 63u) << 24) {  // all below 2^-63
      part.for_each_element(thread,
                            [](std::uint32_t& x) { x = __float_as_uint(__uint_as_float(x) * 0x1p63f); });
      note.exponent = -63;
    }
  } else {
    sync();  // others read the words that this thread will write
  }
  store_tile<Traits>(part, tile, p.shift - p.offset, thread);
  return note;
}

/// The feeder threads of one consumer: fetch ahead and, where that is needed, convert and hand over.
template <class Traits>
__device__ __forceinline__ void feed(DirectShared<Traits>& shared, const CUtensorMap& map,
                                     const DirectArguments& p, int consumer, int group, int worker,
                                     int thread) {
  unsigned char* ring = shared.ring(consumer, p.stages);
  ChunkCursor<Traits> ahead(p, worker), chunk = ahead;
  RepeatingRingCursor empty(1), full(0);
  const auto fetch = [&](const ChunkCursor<Traits>& from, int stage) {
    empty.wait(shared.empty[consumer], stage);
    void* tile = ring + stage * Traits::kChunkBytes;
    Barrier& done = shared.full[consumer][stage];
    if (!p.boxes) {
      fetch_words<Traits>(from, p, group, tile, done, thread);
    } else if (thread == 0) {
      fetch_box<Traits>(from, map, p, group, tile, done);
    }
  };

  const bool converts = Traits::kSplit || p.realign;
  if (!converts && p.boxes && thread > 0) return;
  // Half of the ring is being fetched, half waits for the consumer.
  int lead = converts ? (p.stages + 1) / 2 : 1;
  std::uint32_t limit = kTwiceInfinity;
#pragma unroll 1
  while (converts ? chunk.valid(p) : ahead.valid(p)) {
    const bool again = limit != kTwiceInfinity;  // the rest of the same chunk
    if (again || ahead.valid(p)) {
      ChunkCursor<Traits> next = ahead;
      if (again) next = chunk;
      fetch(next, again ? full.stage : empty.stage);
      if (!again) {
        ahead.advance(p);
        empty.advance(p.stages);
      }
    }
    if (lead > 0) {
      lead -= converts;
      continue;
    }
    full.wait(shared.full[consumer]);
    auto* tile = reinterpret_cast<std::uint32_t*>(ring + full.stage * Traits::kChunkBytes);
    int self = thread;
    asm volatile("" : "+r"(self));  // else every address of a thread's part is kept in a register of its own
    const TileNote note = convert_tile<Traits>(shared, tile, chunk, p, consumer, group, self, limit);
    if (thread == 0) shared.notes[consumer][full.stage] = note;
    // The copy engine will write where ordinary stores did.
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncwarp();
    if (thread % 32 == 0) barrier_arrive(shared.ready[consumer][full.stage]);
    if (note.more != 0) continue;
    chunk.advance(p);
    full.advance(p.stages);
  }
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  empty.wait(shared.empty[consumer]);
  if (!converts) {
    barrier_arrive(shared.full[consumer][empty.stage]);
  } else if (thread % 32 == 0) {
    shared.notes[consumer][empty.stage] = TileNote{0, 0};
    barrier_arrive(shared.ready[consumer][empty.stage]);
  }
}

}  // namespace upconv::kernels::cuda::device
