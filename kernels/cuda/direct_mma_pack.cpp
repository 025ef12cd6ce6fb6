#include <cmath>
#include <cstring>

#include <upconv/kernels/cuda/direct_mma_pack.h>
#include <upconv/kernels/cuda/direct_pack.h>

namespace upconv::kernels::cuda {

namespace {

/// Calls visit(index of the weight, index of the packed element of part 0), weights in PyTorch's order.
template <class Visit>
void for_each_weight(const MmaPacking& p, Visit&& visit) {
  const std::size_t elements = MmaPacking::kFragmentBytes / static_cast<std::size_t>(p.element_bytes);
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
            const std::int64_t element = p.element_bytes == 4 ? word : word * 2 + c / 4 % 2;
            visit(from, static_cast<std::size_t>(fragment) * elements + static_cast<std::size_t>(element));
          }
}

constexpr std::size_t kPart = MmaPacking::kFragmentBytes / sizeof(float);  // floats from part to part

}  // namespace

void pack_mma(const MmaPacking& p, const void* weight, void* packed) {
  std::memset(packed, 0, p.bytes());
  for_each_weight(p, [&](std::size_t from, std::size_t to) {
    if (p.element_bytes == 2) {
      static_cast<std::uint16_t*>(packed)[to] = static_cast<const std::uint16_t*>(weight)[from];
      return;
    }
    const float value = static_cast<const float*>(weight)[from];
    auto* out = static_cast<float*>(packed);
    out[to] = round_to_tf32(value);
    out[to + kPart] = std::isfinite(value) ? round_to_tf32(value - out[to]) : 0.0f;
  });
}

void unpack_mma(const MmaPacking& p, const void* packed, void* weight) {
  for_each_weight(p, [&](std::size_t from, std::size_t to) {
    if (p.element_bytes == 2) {
      static_cast<std::uint16_t*>(weight)[from] = static_cast<const std::uint16_t*>(packed)[to];
      return;
    }
    const auto* in = static_cast<const float*>(packed);
    static_cast<float*>(weight)[from] = in[to] + in[to + kPart];
  });
}

}  // namespace upconv::kernels::cuda
