#include <bit>
#include <cmath>
#include <cstring>

#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

constexpr std::uint32_t kTf32Mask = 0xffffe000u;

/// Calls visit(index of the weight, index of the packed element of part 0, elements from part to part).
template <class Visit>
void for_each_weight(const DirectPacking& p, Visit&& visit) {
  const std::size_t vector = 16 / std::size_t(p.element_bytes);  // elements of 16 bytes
  const std::size_t n = std::size_t(p.kh) * std::size_t(p.co_tile);
  const std::size_t part = 2 * n * vector;
  const std::size_t tile = p.tile_bytes() / std::size_t(p.element_bytes);
  for (int g = 0; g < p.groups; ++g)
    for (int ci = 0; ci < p.ci; ++ci)
      for (int co = 0; co < p.co; ++co)
        for (int kh = 0; kh < p.kh; ++kh)
          for (int kw = 0; kw < p.kw; ++kw) {
            const int tap_h = p.transposed ? p.kh - 1 - kh : kh;
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
            const int element = p.element_bytes == 4 ? in_half : in_half % 4 * 2 + in_half / 4;
            const std::size_t step = std::size_t(ci / p.chunk());
            const std::size_t to =
                std::size_t(g * p.co_tiles() + co / p.co_tile) * tile +
                (step * std::size_t(p.kw) + std::size_t(tap_w)) * std::size_t(p.parts) * part +
                (std::size_t(half) * n + std::size_t(tap_h * p.co_tile + co % p.co_tile)) * vector +
                std::size_t(element);
            visit(from, to, part);
          }
}

}  // namespace

float round_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (!std::isfinite(value)) return value;
  const float rounded = std::bit_cast<float>((bits + 0x1000u) & kTf32Mask);
  return std::isfinite(rounded) ? rounded : std::bit_cast<float>(bits & kTf32Mask);
}

void pack_direct(const DirectPacking& p, const void* weight, void* packed) {
  std::memset(packed, 0, p.bytes());
  for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t part) {
    if (p.element_bytes == 2) {
      static_cast<std::uint16_t*>(packed)[to] = static_cast<const std::uint16_t*>(weight)[from];
      return;
    }
    const float value = static_cast<const float*>(weight)[from];
    auto* out = static_cast<float*>(packed);
    out[to] = round_to_tf32(value);
    if (p.parts == 2) out[to + part] = std::isfinite(value) ? round_to_tf32(value - out[to]) : 0.0f;
  });
}

void unpack_direct(const DirectPacking& p, const void* packed, void* weight) {
  for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t part) {
    if (p.element_bytes == 2) {
      static_cast<std::uint16_t*>(weight)[from] = static_cast<const std::uint16_t*>(packed)[to];
      return;
    }
    const auto* in = static_cast<const float*>(packed);
    static_cast<float*>(weight)[from] = p.parts == 2 ? in[to] + in[to + part] : in[to];
  });
}

}  // namespace upconv::kernels::cuda
