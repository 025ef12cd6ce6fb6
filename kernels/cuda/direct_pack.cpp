#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <upconv/framework/float16.h>
#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

constexpr std::uint32_t kTf32Mask = 0xffffe000u;

struct PackedPlace {
  std::size_t tile;     // (group, tile of output channels)
  std::size_t element;  // of part 0
  std::size_t part;     // elements from part to part
};

/// Calls visit(index of the weight, place of the packed one).
template <class Visit>
void for_each_weight(const DirectPacking& p, Visit&& visit) {
  const std::size_t vector = 16 / std::size_t(p.element_bytes());  // elements of 16 bytes
  const std::size_t n = std::size_t(p.kh_slots()) * std::size_t(p.co_tile);
  const std::size_t part = 2 * n * vector;
  const std::size_t tile_elements = p.tile_bytes() / std::size_t(p.element_bytes());
  for (int g = 0; g < p.groups; ++g)
    for (int ci = 0; ci < p.ci; ++ci)
      for (int co = 0; co < p.co; ++co)
        for (int kh = 0; kh < p.kh; ++kh)
          for (int kw = 0; kw < p.kw; ++kw) {
            const int tap_h = p.empty_slots() + (p.transposed ? p.kh - 1 - kh : kh);
            const int tap_w = p.transposed ? p.kw - 1 - kw : kw;
            const std::size_t from =
                p.transposed ? ((std::size_t(g * p.ci + ci) * std::size_t(p.co) + std::size_t(co)) *
                                    std::size_t(p.kh) +
                                std::size_t(kh)) *
                                       std::size_t(p.kw) +
                                   std::size_t(kw)
                             : ((std::size_t(g * p.co + co) * std::size_t(p.ci) + std::size_t(ci)) *
                                    std::size_t(p.kh) +
                                std::size_t(kh)) *
                                       std::size_t(p.kw) +
                                   std::size_t(kw);
            const int c = ci % p.chunk();
            const int half = c / (p.chunk() / 2), in_half = c % (p.chunk() / 2);
            const int element = p.element_bytes() == 4 ? in_half : in_half % 4 * 2 + in_half / 4;
            const std::size_t step = std::size_t(ci / p.chunk());
            const std::size_t tile = std::size_t(g * p.co_tiles() + co / p.co_tile);
            const std::size_t to =
                tile * tile_elements +
                (step * std::size_t(p.kw) + std::size_t(tap_w)) * std::size_t(p.parts()) * part +
                (std::size_t(half) * n + std::size_t(tap_h * p.co_tile + co % p.co_tile)) * vector +
                std::size_t(element);
            visit(from, {tile, to, part});
          }
}

/// For each tile the exponent that brings its largest magnitude into [2^14, 2^15); 0 for a tile of zeros.
std::vector<std::int32_t> exponents_of(const DirectPacking& p, const float* weight) {
  std::vector<float> largest(std::size_t(p.tiles()), 0.0f);
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
    largest[to.tile] = std::max(largest[to.tile], std::abs(weight[from]));
  });
  std::vector<std::int32_t> exponents;
  for (const float value : largest)
    exponents.push_back(value > 0.0f ? std::ilogb(value) - 14 : 0);
  return exponents;
}

constexpr float kLowScale = 0x1p11f;  // of l in f16 pairs

}  // namespace

float round_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (!std::isfinite(value)) return value;
  const float rounded = std::bit_cast<float>((bits + 0x1000u) & kTf32Mask);
  return std::isfinite(rounded) ? rounded : std::bit_cast<float>(bits & kTf32Mask);
}

void pack_direct(const DirectPacking& p, const void* weight, void* packed) {
  std::memset(packed, 0, p.bytes());
  auto* halves = static_cast<std::uint16_t*>(packed);
  auto* floats = static_cast<float*>(packed);
  const auto* from_floats = static_cast<const float*>(weight);
  std::vector<std::int32_t> exponents;
  if (p.numbers == DirectNumbers::f16_pairs) {
    exponents = exponents_of(p, from_floats);
    std::memcpy(static_cast<unsigned char*>(packed) + p.exponents_offset(), exponents.data(),
                exponents.size() * sizeof(std::int32_t));
  }
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
    if (p.numbers == DirectNumbers::f16_bf16) {
      halves[to.element] = static_cast<const std::uint16_t*>(weight)[from];
      return;
    }
    const float value = from_floats[from];
    if (p.numbers == DirectNumbers::f16_pairs) {
      const float scaled = std::ldexp(value, -exponents[to.tile]);
      const Float16 high(scaled);
      halves[to.element] = high.bits;
      halves[to.element + to.part] = Float16((scaled - float{high}) * kLowScale).bits;
      return;
    }
    floats[to.element] = round_to_tf32(value);
    if (p.numbers == DirectNumbers::tf32_pairs) {
      floats[to.element + to.part] = std::isfinite(value) ? round_to_tf32(value - floats[to.element]) : 0.0f;
    }
  });
}

void unpack_direct(const DirectPacking& p, const void* packed, void* weight) {
  const auto* halves = static_cast<const std::uint16_t*>(packed);
  const auto* floats = static_cast<const float*>(packed);
  std::vector<std::int32_t> exponents(std::size_t(p.tiles()), 0);
  if (p.numbers == DirectNumbers::f16_pairs) {
    std::memcpy(exponents.data(), static_cast<const unsigned char*>(packed) + p.exponents_offset(),
                exponents.size() * sizeof(std::int32_t));
  }
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
    if (p.numbers == DirectNumbers::f16_bf16) {
      static_cast<std::uint16_t*>(weight)[from] = halves[to.element];
      return;
    }
    float value = p.parts() == 1 ? floats[to.element] : 0.0f;
    if (p.numbers == DirectNumbers::tf32_pairs) value = floats[to.element] + floats[to.element + to.part];
    if (p.numbers == DirectNumbers::f16_pairs) {
      const float high = Float16::from_bits(halves[to.element]);
      const float low = Float16::from_bits(halves[to.element + to.part]);
      value = std::ldexp(high + low / kLowScale, exponents[to.tile]);
    }
    static_cast<float*>(weight)[from] = value;
  });
}

/// l of a magnitude from 2^-13 on, scaled, is a multiple of its own last bit: no denormal.
bool fits_f16_pairs(const DirectPacking& p, const void* weight) {
  const auto* values = static_cast<const float*>(weight);
  const std::vector<std::int32_t> exponents = exponents_of(p, values);
  bool fits = true;
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
    const float value = std::abs(values[from]);
    fits = fits && std::isfinite(value) && (value == 0.0f || std::ilogb(value) - exponents[to.tile] >= -13);
  });
  return fits;
}

}  // namespace upconv::kernels::cuda
