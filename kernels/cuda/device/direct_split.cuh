#pragma once

#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <upconv/kernels/cuda/device/direct_producer.cuh>

/// The feeders of fp32: they fetch, and turn every tile in place into numbers that the matrix units take,
/// once for an element and not once for every thread that reads it. A warp has tiles of its own, every fourth
/// of the ring, so that the long chain of a tile's instructions runs beside those of three others.
///
///   scaled  x * 2^s = h + (l + r) * 2^-11, h and l in f16, r, the bit that those have no room for, in e5m2:
///           s lets the tile's largest magnitude be in [2^8, 2^9). For 21 binary orders this is exact. What
///           is smaller is left for another tile of the same chunk, with an s of its own: rare in practice,
///           but no input is computed worse than another. Afterwards row 8i + c (i < 2, c < 4) holds the
///           pairs h of channels 8i + c and 8i + 4 + c, row 8i + 4 + c their l, and beside the tile row 4i +
///           c their r * 2^9, four bytes for two columns.
///   wide    tiles of tiny numbers, whose lowest part would be no bf16 number, are scaled up, and tiles with
///           numbers that would round to infinity down.
namespace upconv::kernels::cuda::device {

/// Calls visit(pointer to two columns, pointer to their word of rests) for a lane's part of a tile: every
/// fourth two columns of a row, and if wide of the eighth row further down too. If scaled the row is an 8i +
/// c; the same columns of row 8i + 4 + c, which is converted with it, are 2 * kPitch such pointers further
/// on.
template <class Traits, class Visit>
__device__ __forceinline__ void for_each_unit(std::uint32_t* tile, int lane, Visit&& visit) {
  constexpr int kUnits = Traits::kPitch / 2;  // of a row
  static_assert(kUnits % 4 == 0 && Traits::kChannels == 16);
  const int row = lane / 4, first = lane % 4;
  std::uint32_t* unit = tile + (Traits::kScaled ? row + (row & 4) : row) * Traits::kPitch + 2 * first;
  std::uint32_t* rests = tile + Traits::kChunkBytes / 4 + row * Traits::kRestPitch + first;
#pragma unroll(kUnits / 4 % 3 == 0 ? 3 : 4)
  for (int i = 0; i < kUnits / 4; ++i) {
    visit(reinterpret_cast<uint2*>(unit + 8 * i), rests + 4 * i);
    if constexpr (Traits::kWide) visit(reinterpret_cast<uint2*>(unit + 8 * Traits::kPitch + 8 * i), rests);
  }
}

/// Twice the bits of infinity. (Twice the bits: without the sign, in the order of the magnitudes.)
constexpr std::uint32_t kTwiceInfinity = 0xff000000u;

/// Of twice the bits of a tile's elements the largest and, less one, the smallest but zero.
template <class Traits>
__device__ __forceinline__ uint2 extremes_of(std::uint32_t* tile, int lane) {
  uint2 all{0, 0xffffffffu};
  const auto take = [&](std::uint32_t x) {
    all.x = max(all.x, 2 * x);
    all.y = min(all.y, 2 * x - 1);
  };
  for_each_unit<Traits>(tile, lane, [&](const uint2* unit, auto&&) {
    const uint2 x = *unit;
    take(x.x), take(x.y);
    if constexpr (Traits::kScaled) {
      const uint2 beside = unit[2 * Traits::kPitch];
      take(beside.x), take(beside.y);
    }
  });
  return {__reduce_max_sync(0xffffffffu, all.x), __reduce_min_sync(0xffffffffu, all.y)};
}

/// The largest of twice the bits below `limit`.
template <class Traits>
__device__ __forceinline__ std::uint32_t largest_below(std::uint32_t* tile, std::uint32_t limit, int lane) {
  std::uint32_t largest = 0;
  const auto take = [&](std::uint32_t x) { largest = max(largest, 2 * x < limit ? 2 * x : 0); };
  for_each_unit<Traits>(tile, lane, [&](const uint2* unit, auto&&) {
    const uint2 x = *unit, beside = unit[2 * Traits::kPitch];
    take(x.x), take(x.y), take(beside.x), take(beside.y);
  });
  return __reduce_max_sync(0xffffffffu, largest);
}

/// Elements of two channels become their pair of h and their pair of l; returns the pair of r * 2^9.
__device__ __forceinline__ std::uint32_t split(std::uint32_t& first, std::uint32_t& second, float scale) {
  const float2 x{__uint_as_float(first) * scale, __uint_as_float(second) * scale};
  const __half2 high = __float22half2_rn(x);
  const float2 h = __half22float2(high);
  const float2 below{(x.x - h.x) * 0x1p11f, (x.y - h.y) * 0x1p11f};
  const __half2 low = __float22half2_rn(below);
  const float2 l = __half22float2(low);
  first = *reinterpret_cast<const std::uint32_t*>(&high);
  second = *reinterpret_cast<const std::uint32_t*>(&low);
  const float2 rest{(below.x - l.x) * 0x1p9f, (below.y - l.y) * 0x1p9f};
  return __nv_cvt_float2_to_fp8x2(rest, __NV_SATFINITE, __NV_E5M2);
}

/// Converts a fetched tile in place: of its elements those below `limit`, given as twice the bits, which
/// becomes the limit of the chunk's next tile if the note says that there is one. Sets `not_finite` if one is
/// infinite or NaN.
template <class Traits>
__device__ __forceinline__ TileNote split_tile(std::uint32_t* tile, std::uint32_t& limit, int& not_finite,
                                               int lane) {
  uint2 extremes = extremes_of<Traits>(tile, lane);
  const bool first = limit == kTwiceInfinity;  // takes infinities and NaNs along
  if (extremes.x >= limit) {
    if (first && lane == 0) not_finite = 1;
    extremes.x = largest_below<Traits>(tile, limit, lane);
  }
  const int scale = min(8 - (static_cast<int>(extremes.x >> 24) - 127), 126);
  // Past 2^114, even the smallest denormal has all its bits in h and l.
  const std::uint32_t floor = scale < 114 ? static_cast<std::uint32_t>(127 - 12 - scale) << 24 : 0;
  const bool more = floor != 0 && extremes.y < floor - 1;
  const float factor = power_of_two(scale);
  const auto convert = [&](auto&& taken) {
    for_each_unit<Traits>(tile, lane, [&](uint2* unit, std::uint32_t* rests) {
      uint2 x = *unit, beside = unit[2 * Traits::kPitch];
      x = {taken(x.x), taken(x.y)}, beside = {taken(beside.x), taken(beside.y)};
      const std::uint32_t rest = split(x.x, beside.x, factor);
      *rests = rest | split(x.y, beside.y, factor) << 16;
      *unit = x;
      unit[2 * Traits::kPitch] = beside;
    });
  };
  // One branch a tile: within units it would keep the compiler from overlapping them.
  if (first && !more) {
    convert([](std::uint32_t v) { return v; });
  } else {
    convert([&](std::uint32_t v) { return 2 * v < floor || (!first && 2 * v >= limit) ? 0u : v; });
  }
  limit = more ? floor : kTwiceInfinity;
  return {-scale, more};
}

/// If wide only what is tiny is touched, or would round to infinity.
template <class Traits>
__device__ __forceinline__ TileNote scale_tile(std::uint32_t* tile, int& not_finite, int lane) {
  const std::uint32_t largest = extremes_of<Traits>(tile, lane).x;
  const int up = largest < (127u - 63u) << 24 ? 63 : largest >= 254u << 24 ? -1 : 0;
  if (up == 0) return {0, 0};
  if (largest >= kTwiceInfinity && lane == 0) not_finite = 1;
  const float factor = power_of_two(up);
  for_each_unit<Traits>(tile, lane, [&](uint2* unit, auto&&) {
    const uint2 x = *unit;
    *unit = {__float_as_uint(__uint_as_float(x.x) * factor), __float_as_uint(__uint_as_float(x.y) * factor)};
  });
  return {-up, 0};
}

/// The feeder threads of one consumer. Tiles of a warp lie in every kFeederWarps'th stage, and no other
/// warp's do.
template <class Traits>
requires(Traits::kSplit) __device__ __forceinline__
    void feed(DirectShared<Traits>& shared, const CUtensorMap& map, const DirectArguments& p, int consumer,
              int group, int worker, int thread) {
  constexpr int kWarps = Traits::kFeederWarps;
  const int lane = thread % 32, warp = __shfl_sync(0xffffffffu, thread / 32, 0);
  unsigned char* ring = shared.ring(consumer, p.stages);
  ChunkCursor<Traits> ahead(p, worker);
  // Whether this warp's next chunk would be the first past the last one.
  bool after_last = warp > 0 ? ahead.skip(p, warp) : !ahead.valid(p);
  RepeatingRingCursor empty(1), full(0);
  empty.stage = full.stage = warp;
  const auto fetch = [&](const ChunkCursor<Traits>& chunk, int stage) {
    empty.wait(shared.empty[consumer], stage);
    void* tile = ring + stage * Traits::kStageBytes;
    Barrier& done = shared.full[consumer][stage];
    if (!p.boxes) {
      fetch_tile<Traits>(chunk, p, group, tile, done, lane);
    } else if (lane == 0) {
      fetch_box<Traits>(chunk, map, p, group, tile, done);
    }
  };
  ChunkCursor<Traits> chunk = ahead;
  int lead = p.stages / kWarps > 2 ? 2 : 1;  // fetched before the first is converted
  std::uint32_t limit = kTwiceInfinity;
#pragma unroll 1
  while (chunk.valid(p)) {
    const bool again = limit != kTwiceInfinity;  // the rest of the same chunk
    if (again || ahead.valid(p)) {
      ChunkCursor<Traits> next = ahead;
      if (again) next = chunk;
      fetch(next, again ? full.stage : empty.stage);
      if (!again) {
        after_last = ahead.skip(p, kWarps);
        empty.skip(kWarps, p.stages);
      }
    }
    if (lead > 1) {
      --lead;
      continue;
    }
    full.wait(shared.full[consumer]);
    auto* tile = reinterpret_cast<std::uint32_t*>(ring + full.stage * Traits::kStageBytes);
    TileNote note;
    if constexpr (Traits::kScaled) {
      note = split_tile<Traits>(tile, limit, shared.not_finite[consumer], lane);
    } else {
      note = scale_tile<Traits>(tile, shared.not_finite[consumer], lane);
    }
    if (lane == 0) shared.notes[consumer][full.stage] = note;
    hand_over(shared.ready[consumer][full.stage], p);
    if (note.more != 0) continue;
    chunk.skip(p, kWarps);
    full.skip(kWarps, p.stages);
  }
  if (!after_last) return;
  // The consumer looks one chunk ahead, past the last one too; what it finds there it does not use.
  empty.wait(shared.empty[consumer]);
  if (lane == 0) shared.notes[consumer][empty.stage] = TileNote{0, 0};
  hand_over(shared.ready[consumer][empty.stage], p);
}

}  // namespace upconv::kernels::cuda::device
