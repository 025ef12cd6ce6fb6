#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <upconv/framework/float16.h>
#include <upconv/kernels/cpu/parallel_for.h>
#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

constexpr std::uint32_t kTf32Mask = 0xffffe000u;

struct PackedPlace {
  std::size_t element, part;  // of part 0; elements from part to part
  std::size_t byte, half;     // in the part of bytes, half 0; bytes from half to half
  std::size_t low;            // byte among those of l
};

/// Calls visit(index of the weight, place of the packed one) for the weights of one step of a tile: a piece
/// of the packed memory that fits a cache and that no other step shares.
template <class Visit>
void for_each_weight(const DirectPacking p, std::size_t tile, std::size_t step, const Visit& visit) {
  const std::size_t bytes = std::size_t(p.element_bytes()), part_bytes = p.part_bytes(),
                    tap_bytes = p.tap_bytes();
  const std::size_t half_bytes = part_bytes / 2, begin = tile * p.tile_bytes() + step * p.step_bytes();
  const int g = int(tile) / p.co_tiles(), co0 = int(tile) % p.co_tiles() * p.co_tile,
            ci0 = int(step) * p.chunk();
  const int co1 = std::min(co0 + p.co_tile, p.co), ci1 = std::min(ci0 + p.chunk(), p.ci);
  for (int co = co0; co < co1; ++co)
    for (int ci = ci0; ci < ci1; ++ci) {
      const std::size_t outer = p.transposed
                                    ? std::size_t(g * p.ci + ci) * std::size_t(p.co) + std::size_t(co)
                                    : std::size_t(g * p.co + co) * std::size_t(p.ci) + std::size_t(ci);
      std::size_t from = outer * std::size_t(p.kh) * std::size_t(p.kw);
      const int c = ci - ci0;
      const int half = c / (p.chunk() / 2), in_half = c % (p.chunk() / 2);
      const std::size_t element = std::size_t(bytes == 4 ? in_half : in_half % 4 * 2 + in_half / 4);
      const std::size_t byte = std::size_t(c % 4 * 4 + c / 4);
      for (int kh = 0; kh < p.kh; ++kh)
        for (int kw = 0; kw < p.kw; ++kw, ++from) {
          const int tap_h = p.empty_slots() + (p.transposed ? p.kh - 1 - kh : kh);
          const std::size_t tap_w = std::size_t(p.transposed ? p.kw - 1 - kw : kw);
          const std::size_t column = std::size_t(tap_h * p.co_tile + co - co0) * 16;
          const std::size_t tap = begin + tap_w * tap_bytes + column;
          visit(from, PackedPlace{
                          .element = (tap + std::size_t(half) * half_bytes) / bytes + element,
                          .part = part_bytes / bytes,
                          .byte = tap + 2 * part_bytes + byte,
                          .half = half_bytes,
                          .low = begin + std::size_t(p.kw) * tap_bytes + tap_w * half_bytes + column + byte});
        }
    }
}

/// What the magnitudes of a tile's weights are.
struct Range {
  std::uint32_t largest = 0,
                smallest = 0xffffffffu;  // of floats, as bits, which are ordered alike; not of zeros

  bool is_finite() const { return largest < 0x7f800000u; }
  /// That brings the largest into [2^14, 2^15); 0 for a tile of zeros.
  int exponent() const { return largest == 0 ? 0 : std::ilogb(std::bit_cast<float>(largest)) - 14; }
};

Range range_of(const DirectPacking& p, std::size_t tile, const float* weight) {
  const auto taps = std::size_t(p.kh * p.kw);
  const std::size_t g = tile / std::size_t(p.co_tiles());
  const std::size_t co0 = tile % std::size_t(p.co_tiles()) * std::size_t(p.co_tile);
  const std::size_t count = std::min(std::size_t(p.co_tile), std::size_t(p.co) - co0);
  // Of a transposed kernel the tile's channels stand together for each input channel, else all of them at
  // once.
  const std::size_t runs = p.transposed ? std::size_t(p.ci) : 1;
  const std::size_t run = p.transposed ? count * taps : count * std::size_t(p.ci) * taps;
  const std::size_t stride = std::size_t(p.co) * taps;
  const std::size_t first = p.transposed ? (g * std::size_t(p.ci) * std::size_t(p.co) + co0) * taps
                                         : (g * std::size_t(p.co) + co0) * std::size_t(p.ci) * taps;
  Range range;
  for (std::size_t i = 0; i < runs; ++i) {
    const float* from = weight + first + i * stride;
    for (std::size_t j = 0; j < run; ++j) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(from[j]) & 0x7fffffffu;
      range.largest = std::max(range.largest, bits);
      range.smallest = std::min(range.smallest, bits - 1);  // a zero becomes the largest number
    }
  }
  ++range.smallest;
  return range;
}

std::vector<Range> ranges_of(const DirectPacking& p, const float* weight, int threads) {
  std::vector<Range> ranges(std::size_t(p.tiles()));
  cpu::parallel_for(threads, p.tiles(), [&](std::int64_t tile) {
    ranges[std::size_t(tile)] = range_of(p, std::size_t(tile), weight);
  });
  return ranges;
}

// Of l and r in scaled f16, of h that meets the input's r * 2^9, and of l that meets its l * 2^11.
constexpr float kLowScale = 0x1p11f, kHighByteScale = 0x1p-9f, kLowByteScale = 0x1p-11f;

/// e5m2 is the upper half of f16.
unsigned char to_e5m2(float value) {
  return static_cast<unsigned char>((Float16(value).bits + 0x80u) >> 8);
}
float from_e5m2(unsigned char value) {
  return Float16::from_bits(static_cast<std::uint16_t>(value << 8));
}

}  // namespace

float round_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (!std::isfinite(value)) return value;
  const float rounded = std::bit_cast<float>((bits + 0x1000u) & kTf32Mask);
  return std::isfinite(rounded) ? rounded : std::bit_cast<float>(bits & kTf32Mask);
}

std::array<BFloat16, 3> split_to_bf16(float value) {
  std::array<BFloat16, 3> parts;
  for (BFloat16& part : parts) {
    part = BFloat16(value);
    if (std::isfinite(value) && !std::isfinite(float{part}))  // rounded up to infinity
      part = BFloat16::from_bits(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
    value = std::isfinite(value) ? value - float{part} : 0.0f;
  }
  return parts;
}

void pack_direct(const DirectPacking& p, const void* weight, void* packed, int threads) {
  auto* halves = static_cast<std::uint16_t*>(packed);
  auto* floats = static_cast<float*>(packed);
  auto* bytes = static_cast<unsigned char*>(packed);
  const auto* from_floats = static_cast<const float*>(weight);
  const auto* from_halves = static_cast<const std::uint16_t*>(weight);
  std::vector<std::int32_t> exponents;
  if (p.numbers == DirectNumbers::scaled_f16) {
    for (const Range& range : ranges_of(p, from_floats, threads))
      exponents.push_back(range.exponent());
    std::memset(bytes + p.exponents_offset(), 0, p.bytes() - p.exponents_offset());
    std::memcpy(bytes + p.exponents_offset(), exponents.data(), exponents.size() * sizeof(std::int32_t));
  }
  cpu::parallel_for(threads, std::int64_t{p.tiles()} * p.steps(), [&](std::int64_t i) {
    const auto tile = std::size_t(i / p.steps()), step = std::size_t(i % p.steps());
    std::memset(bytes + tile * p.tile_bytes() + step * p.step_bytes(), 0, p.step_bytes());
    switch (p.numbers) {
      case DirectNumbers::tf32:
        return for_each_weight(p, tile, step, [=](std::size_t from, const PackedPlace& to) {
          floats[to.element] = round_to_tf32(from_floats[from]);
        });
      case DirectNumbers::f16_bf16:
        return for_each_weight(p, tile, step, [=](std::size_t from, const PackedPlace& to) {
          halves[to.element] = from_halves[from];
        });
      case DirectNumbers::scaled_f16: {
        const double scale =
            std::ldexp(1.0, -exponents[tile]);  // a double holds it, and every product, exactly
        return for_each_weight(p, tile, step, [=](std::size_t from, const PackedPlace& to) {
          const auto scaled = static_cast<float>(static_cast<double>(from_floats[from]) * scale);
          const Float16 high(scaled);
          const float below = (scaled - float{high}) * kLowScale;
          const Float16 low(below);
          halves[to.element] = high.bits;
          halves[to.element + to.part] = low.bits;
          bytes[to.byte] = to_e5m2(float{high} * kHighByteScale);
          bytes[to.byte + to.half] = to_e5m2(below - float{low});
          bytes[to.low] = to_e5m2(float{low} * kLowByteScale);
        });
      }
      case DirectNumbers::bf16_triples:
        return for_each_weight(p, tile, step, [=](std::size_t from, const PackedPlace& to) {
          const auto parts = split_to_bf16(from_floats[from]);
          for (std::size_t k = 0; k < parts.size(); ++k)
            halves[to.element + k * to.part] = parts[k].bits;
        });
    }
  });
}

void unpack_direct(const DirectPacking& p, const void* packed, void* weight) {
  const auto* halves = static_cast<const std::uint16_t*>(packed);
  const auto* floats = static_cast<const float*>(packed);
  const auto* bytes = static_cast<const unsigned char*>(packed);
  std::vector<std::int32_t> exponents(std::size_t(p.tiles()), 0);
  if (p.numbers == DirectNumbers::scaled_f16) {
    std::memcpy(exponents.data(), bytes + p.exponents_offset(), exponents.size() * sizeof(std::int32_t));
  }
  auto* to_floats = static_cast<float*>(weight);
  for (std::size_t i = 0; i < std::size_t(p.tiles()) * std::size_t(p.steps()); ++i) {
    const std::size_t tile = i / std::size_t(p.steps());
    for_each_weight(p, tile, i % std::size_t(p.steps()), [&](std::size_t from, const PackedPlace& to) {
      const auto half = [&](std::size_t part) { return halves[to.element + part * to.part]; };
      switch (p.numbers) {
        case DirectNumbers::tf32:
          to_floats[from] = floats[to.element];
          break;
        case DirectNumbers::f16_bf16:
          static_cast<std::uint16_t*>(weight)[from] = half(0);
          break;
        case DirectNumbers::scaled_f16: {
          const float high = Float16::from_bits(half(0)), low = Float16::from_bits(half(1));
          const float below = low + from_e5m2(bytes[to.byte + to.half]);
          to_floats[from] = std::ldexp(high + below / kLowScale, exponents[tile]);
          break;
        }
        case DirectNumbers::bf16_triples: {
          const float middle = BFloat16::from_bits(half(1)), low = BFloat16::from_bits(half(2));
          to_floats[from] = float{BFloat16::from_bits(half(0))} + (middle + low);
          break;
        }
      }
    });
  }
}

/// l of a magnitude from 2^-13 on, scaled, is a multiple of its own last bit: no denormal.
bool fits_scaled_f16(const DirectPacking& p, const void* weight, int threads) {
  return std::ranges::all_of(
      ranges_of(p, static_cast<const float*>(weight), threads), [](const Range& range) {
        return range.is_finite() &&
               (range.largest == 0 ||
                std::ilogb(std::bit_cast<float>(range.smallest)) - range.exponent() >= -13);
      });
}

}  // namespace upconv::kernels::cuda
