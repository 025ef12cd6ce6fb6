#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <upconv/kernels/cpu/parallel_for.h>
#include <upconv/kernels/cuda/direct_mma_pack.h>
#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

/// Calls visit(index of the weight, index of the packed element of part 0, output channel of the fragment)
/// for the weights of one chunk of a fragment, whose packed memory no other shares. `fragment` counts over
/// all groups.
template <class Visit>
void for_each_weight(const MmaPacking p, std::int64_t fragment, std::int64_t chunk, const Visit& visit) {
  const std::size_t elements = MmaPacking::kFragmentBytes / static_cast<std::size_t>(p.element_bytes());
  const std::int64_t g = fragment / p.fragments(), co0 = fragment % p.fragments() * 8,
                     ci0 = chunk * p.chunk();
  const std::int64_t co1 = std::min(co0 + 8, p.co), ci1 = std::min(ci0 + p.chunk(), p.ci);
  const std::int64_t first = (fragment * p.chunks() + chunk) * p.kh * p.kw;
  for (std::int64_t co = co0; co < co1; ++co)
    for (std::int64_t ci = ci0; ci < ci1; ++ci) {
      const std::int64_t outer = p.transposed ? (g * p.ci + ci) * p.co + co : (g * p.co + co) * p.ci + ci;
      auto from = static_cast<std::size_t>(outer * p.kh * p.kw);
      const std::int64_t c = ci - ci0;
      const std::int64_t half = c / (p.chunk() / 2), lane = (co - co0) * 4 + c % 4;
      const std::int64_t word = lane * 2 + half;
      const std::int64_t element = p.element_bytes() == 4 ? word : word * 2 + c / 4 % 2;
      for (std::int64_t h = 0; h < p.kh; ++h)
        for (std::int64_t w = 0; w < p.kw; ++w, ++from) {
          const std::int64_t kh = p.transposed ? p.kh - 1 - h : h, kw = p.transposed ? p.kw - 1 - w : w;
          const std::int64_t tap = (first + kh * p.kw + kw) * p.parts();
          visit(from, static_cast<std::size_t>(tap) * elements + static_cast<std::size_t>(element),
                static_cast<std::size_t>(co - co0));
        }
    }
}

/// The same for all of them; the channel is that of its exponent.
template <class Visit>
void for_each_weight(const MmaPacking& p, const Visit& visit) {
  for (std::int64_t fragment = 0; fragment < p.groups * p.fragments(); ++fragment) {
    for (std::int64_t chunk = 0; chunk < p.chunks(); ++chunk) {
      for_each_weight(p, fragment, chunk, [&](std::size_t from, std::size_t to, std::size_t channel) {
        visit(from, to, static_cast<std::size_t>(fragment) * 8 + channel);
      });
    }
  }
}

constexpr std::size_t kPart = MmaPacking::kFragmentBytes / sizeof(std::uint16_t);  // from part to part
constexpr int kLeastExponent = -24;  // of an output channel's largest weight, as it is packed

/// Of the channels of a fragment.
std::array<std::int32_t, 8> exponents_of(const MmaPacking& p, std::int64_t fragment, const float* weight) {
  std::array<float, 8> largest{};
  for (std::int64_t chunk = 0; chunk < p.chunks(); ++chunk) {
    for_each_weight(p, fragment, chunk, [&](std::size_t from, std::size_t, std::size_t channel) {
      const float value = std::abs(weight[from]);
      largest[channel] =
          value > largest[channel] && value <= std::numeric_limits<float>::max() ? value : largest[channel];
    });
  }
  std::array<std::int32_t, 8> exponents{};
  std::ranges::transform(largest, exponents.begin(), [](float value) {
    return value > 0.0f ? std::min(std::ilogb(value) - kLeastExponent, 0) : 0;
  });
  return exponents;
}

}  // namespace

void pack_mma(const MmaPacking& p, const void* weight, void* packed, int threads) {
  auto* bytes = static_cast<unsigned char*>(packed);
  auto* halves = static_cast<std::uint16_t*>(packed);
  auto* floats = static_cast<float*>(packed);
  const auto* from_floats = static_cast<const float*>(weight);
  const auto* from_halves = static_cast<const std::uint16_t*>(weight);
  const std::int64_t fragments = p.groups * p.fragments();
  std::vector<std::array<std::int32_t, 8>> exponents;
  if (p.is_scaled()) {
    exponents.resize(static_cast<std::size_t>(fragments));
    cpu::parallel_for(threads, fragments, [&](std::int64_t fragment) {
      exponents[static_cast<std::size_t>(fragment)] = exponents_of(p, fragment, from_floats);
    });
    std::memcpy(bytes + p.exponents_offset(), exponents.data(), exponents.size() * sizeof(exponents[0]));
  }
  const std::size_t chunk_bytes =
      static_cast<std::size_t>(p.kh * p.kw * p.parts()) * MmaPacking::kFragmentBytes;
  cpu::parallel_for(threads, fragments * p.chunks(), [&](std::int64_t i) {
    const std::int64_t fragment = i / p.chunks(), chunk = i % p.chunks();
    std::memset(bytes + static_cast<std::size_t>(i) * chunk_bytes, 0, chunk_bytes);
    if (!p.is_scaled()) {
      return for_each_weight(p, fragment, chunk, [=](std::size_t from, std::size_t to, std::size_t) {
        halves[to] = from_halves[from];
      });
    }
    std::array<double, 8> scales;  // a double holds them, and every product, exactly
    std::ranges::transform(exponents[static_cast<std::size_t>(fragment)], scales.begin(),
                           [](std::int32_t exponent) { return std::ldexp(1.0, -exponent); });
    const auto scaled = [=](std::size_t from, std::size_t channel) {
      return static_cast<float>(static_cast<double>(from_floats[from]) * scales[channel]);
    };
    if (p.numbers == MmaNumbers::tf32) {
      return for_each_weight(p, fragment, chunk, [=](std::size_t from, std::size_t to, std::size_t channel) {
        floats[to] = round_to_tf32(scaled(from, channel));
      });
    }
    for_each_weight(p, fragment, chunk, [=](std::size_t from, std::size_t to, std::size_t channel) {
      const auto parts = split_to_bf16(scaled(from, channel));
      for (std::size_t k = 0; k < parts.size(); ++k)
        halves[to + k * kPart] = parts[k].bits;
    });
  });
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
