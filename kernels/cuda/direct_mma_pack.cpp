#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <upconv/kernels/cuda/direct_mma_pack.h>
#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

/// Calls visit(index of the weight, index of the packed element of part 0, index of the output channel's
/// exponent), weights in PyTorch's order.
template <class Visit>
void for_each_weight(const MmaPacking& p, Visit&& visit) {
  const std::size_t elements = MmaPacking::kFragmentBytes / static_cast<std::size_t>(p.element_bytes());
  const std::int64_t outer = p.transposed ? p.ci : p.co, inner = p.transposed ? p.co : p.ci;
  std::size_t from = 0;
  for (std::int64_t g = 0; g < p.groups; ++g)
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < inner; ++i)
        for (std::int64_t h = 0; h < p.kh; ++h)
          for (std::int64_t w = 0; w < p.kw; ++w, ++from) {
            const std::int64_t ci = p.transposed ? o : i, co = p.transposed ? i : o;
            const std::int64_t kh = p.transposed ? p.kh - 1 - h : h, kw = p.transposed ? p.kw - 1 - w : w;
            const std::int64_t fragment =
                ((((g * p.fragments() + co / 8) * p.chunks() + ci / p.chunk()) * p.kh + kh) * p.kw + kw) *
                p.parts();
            const std::int64_t c = ci % p.chunk();
            const std::int64_t half = c / (p.chunk() / 2), lane = co % 8 * 4 + c % 4;
            const std::int64_t word = lane * 2 + half;
            const std::int64_t element = p.element_bytes() == 4 ? word : word * 2 + c / 4 % 2;
            visit(from, static_cast<std::size_t>(fragment) * elements + static_cast<std::size_t>(element),
                  static_cast<std::size_t>(g * p.fragments() * 8 + co));
          }
}

constexpr std::size_t kPart = MmaPacking::kFragmentBytes / sizeof(std::uint16_t);  // from part to part
constexpr int kLeastExponent = -24;  // of an output channel's largest weight, as it is packed

std::vector<std::int32_t> exponents_of(const MmaPacking& p, const float* weight) {
  std::vector<float> largest(static_cast<std::size_t>(p.groups * p.fragments()) * 8, 0.0f);
  for_each_weight(p, [&](std::size_t from, std::size_t, std::size_t channel) {
    if (std::isfinite(weight[from])) largest[channel] = std::max(largest[channel], std::abs(weight[from]));
  });
  std::vector<std::int32_t> exponents(largest.size());
  std::ranges::transform(largest, exponents.begin(), [](float value) {
    return value > 0.0f ? std::min(std::ilogb(value) - kLeastExponent, 0) : 0;
  });
  return exponents;
}

}  // namespace

void pack_mma(const MmaPacking& p, const void* weight, void* packed) {
  std::memset(packed, 0, p.bytes());
  auto* halves = static_cast<std::uint16_t*>(packed);
  if (!p.is_scaled()) {
    for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t) {
      halves[to] = static_cast<const std::uint16_t*>(weight)[from];
    });
    return;
  }
  const auto* in = static_cast<const float*>(weight);
  const std::vector<std::int32_t> exponents = exponents_of(p, in);
  for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t channel) {
    const float value = std::ldexp(in[from], -exponents[channel]);
    if (p.numbers == MmaNumbers::tf32) {
      static_cast<float*>(packed)[to] = round_to_tf32(value);
      return;
    }
    const auto parts = split_to_bf16(value);
    for (std::size_t i = 0; i < parts.size(); ++i)
      halves[to + i * kPart] = parts[i].bits;
  });
  std::memcpy(static_cast<unsigned char*>(packed) + p.exponents_offset(), exponents.data(),
              exponents.size() * sizeof(std::int32_t));
}

void unpack_mma(const MmaPacking& p, const void* packed, void* weight) {
  const auto* halves = static_cast<const std::uint16_t*>(packed);
  if (!p.is_scaled()) {
    for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t) {
      static_cast<std::uint16_t*>(weight)[from] = halves[to];
    });
    return;
  }
  std::vector<std::int32_t> exponents(static_cast<std::size_t>(p.groups * p.fragments()) * 8);
  std::memcpy(exponents.data(), static_cast<const unsigned char*>(packed) + p.exponents_offset(),
              exponents.size() * sizeof(std::int32_t));
  for_each_weight(p, [&](std::size_t from, std::size_t to, std::size_t channel) {
    const auto part = [&](std::size_t i) { return float{BFloat16::from_bits(halves[to + i * kPart])}; };
    const float value =
        p.numbers == MmaNumbers::tf32 ? static_cast<const float*>(packed)[to] : part(0) + (part(1) + part(2));
    static_cast<float*>(weight)[from] = std::ldexp(value, exponents[channel]);
  });
}

}  // namespace upconv::kernels::cuda
