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
  std::size_t tile;           // (group, tile of output channels)
  std::size_t element, part;  // of part 0; elements from part to part
  std::size_t byte, half;     // in the part of bytes, half 0; bytes from half to half
  std::size_t low;            // byte among those of l
};

/// Calls visit(index of the weight, place of the packed one).
template <class Visit>
void for_each_weight(const DirectPacking& p, Visit&& visit) {
  const std::size_t bytes = std::size_t(p.element_bytes()), half_bytes = p.part_bytes() / 2;
  for (int g = 0; g < p.groups; ++g)
    for (int ci = 0; ci < p.ci; ++ci)
      for (int co = 0; co < p.co; ++co)
        for (int kh = 0; kh < p.kh; ++kh)
          for (int kw = 0; kw < p.kw; ++kw) {
            const std::size_t outer = p.transposed
                                          ? std::size_t(g * p.ci + ci) * std::size_t(p.co) + std::size_t(co)
                                          : std::size_t(g * p.co + co) * std::size_t(p.ci) + std::size_t(ci);
            const std::size_t from =
                (outer * std::size_t(p.kh) + std::size_t(kh)) * std::size_t(p.kw) + std::size_t(kw);
            const int tap_h = p.empty_slots() + (p.transposed ? p.kh - 1 - kh : kh);
            const std::size_t tap_w = std::size_t(p.transposed ? p.kw - 1 - kw : kw);
            const int c = ci % p.chunk();
            const int half = c / (p.chunk() / 2), in_half = c % (p.chunk() / 2);
            const int element = bytes == 4 ? in_half : in_half % 4 * 2 + in_half / 4;
            const std::size_t tile = std::size_t(g * p.co_tiles() + co / p.co_tile);
            const std::size_t step = tile * p.tile_bytes() + std::size_t(ci / p.chunk()) * p.step_bytes();
            const std::size_t column = std::size_t(tap_h * p.co_tile + co % p.co_tile) * 16;
            const std::size_t tap = step + tap_w * p.tap_bytes() + column;
            const std::size_t byte = std::size_t(c % 4 * 4 + c / 4);
            visit(from,
                  {.tile = tile,
                   .element = (tap + std::size_t(half) * half_bytes) / bytes + std::size_t(element),
                   .part = p.part_bytes() / bytes,
                   .byte = tap + 2 * p.part_bytes() + byte,
                   .half = half_bytes,
                   .low = step + std::size_t(p.kw) * p.tap_bytes() + tap_w * half_bytes + column + byte});
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

void pack_direct(const DirectPacking& p, const void* weight, void* packed) {
  std::memset(packed, 0, p.bytes());
  auto* halves = static_cast<std::uint16_t*>(packed);
  auto* floats = static_cast<float*>(packed);
  auto* bytes = static_cast<unsigned char*>(packed);
  const auto* from_floats = static_cast<const float*>(weight);
  std::vector<std::int32_t> exponents;
  if (p.numbers == DirectNumbers::scaled_f16) {
    exponents = exponents_of(p, from_floats);
    std::memcpy(bytes + p.exponents_offset(), exponents.data(), exponents.size() * sizeof(std::int32_t));
  }
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
    switch (p.numbers) {
      case DirectNumbers::tf32:
        floats[to.element] = round_to_tf32(from_floats[from]);
        break;
      case DirectNumbers::f16_bf16:
        halves[to.element] = static_cast<const std::uint16_t*>(weight)[from];
        break;
      case DirectNumbers::scaled_f16: {
        const float scaled = std::ldexp(from_floats[from], -exponents[to.tile]);
        const Float16 high(scaled);
        const float below = (scaled - float{high}) * kLowScale;
        const Float16 low(below);
        halves[to.element] = high.bits;
        halves[to.element + to.part] = low.bits;
        bytes[to.byte] = to_e5m2(float{high} * kHighByteScale);
        bytes[to.byte + to.half] = to_e5m2(below - float{low});
        bytes[to.low] = to_e5m2(float{low} * kLowByteScale);
        break;
      }
      case DirectNumbers::bf16_triples: {
        const auto parts = split_to_bf16(from_floats[from]);
        for (std::size_t i = 0; i < parts.size(); ++i)
          halves[to.element + i * to.part] = parts[i].bits;
        break;
      }
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
  for_each_weight(p, [&](std::size_t from, PackedPlace to) {
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
        to_floats[from] = std::ldexp(high + below / kLowScale, exponents[to.tile]);
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

/// l of a magnitude from 2^-13 on, scaled, is a multiple of its own last bit: no denormal.
bool fits_scaled_f16(const DirectPacking& p, const void* weight) {
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
