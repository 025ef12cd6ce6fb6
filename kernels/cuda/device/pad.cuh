#pragma once

#include <cstring>
#include <type_traits>

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// kernels::PadMode on the device.
enum class PadFold : int { constant, reflect, replicate, circular };

/// kernels::PadProblem as kernels take it.
struct PadArguments {
  static constexpr int kMaxRank = 8;

  PadFold fold;
  int rank;                 // at least 1
  Divisor sizes[kMaxRank];  // of y
  std::int64_t x_sizes[kMaxRank], before[kMaxRank];
};

/// Which element of a dimension of x stands `source` behind its first one; negative for the constant.
template <class Signed>
__device__ __forceinline__ Signed folded(PadFold fold, Signed source, Signed size) {
  if (source >= 0 && source < size) return source;
  switch (fold) {
    case PadFold::constant:
      break;
    case PadFold::reflect:
      return source < 0 ? -source : 2 * (size - 1) - source;
    case PadFold::replicate:
      return source < 0 ? 0 : size - 1;
    case PadFold::circular:
      return source < 0 ? source + size : source - size;
  }
  return -1;
}

/// The row of x, its last dimension, that row `row` of y is made of; null if that row is the constant alone.
template <class T, class Index>
__device__ __forceinline__ const T* row_of(const T* x, Index row, const PadArguments& p) {
  using Signed = std::make_signed_t<Index>;
  std::int64_t at = 0, stride = p.x_sizes[p.rank - 1];
  bool inside = true;
  for (int i = p.rank - 2; i >= 0; --i) {
    const Index rest = p.sizes[i].quotient(row);
    const auto index = static_cast<Signed>(row - rest * static_cast<Index>(p.sizes[i].divisor));
    const Signed source =
        folded(p.fold, index - static_cast<Signed>(p.before[i]), static_cast<Signed>(p.x_sizes[i]));
    inside = inside && source >= 0;
    at += source * stride;
    stride *= p.x_sizes[i];
    row = rest;
  }
  return inside ? x + at : nullptr;
}

/// 16 bytes from an address that is a multiple of an element's size, in the widest accesses it allows. They
/// touch nothing else.
template <class T>
__device__ __forceinline__ Pack<std::uint32_t, 4> load_16_bytes(const T* from) {
  Pack<std::uint32_t, 4> pack;
  const auto address = reinterpret_cast<std::uintptr_t>(from);
  const auto* bytes = reinterpret_cast<const char*>(from);
  if (address % 16 == 0) {
    load_words<4>(pack.values, bytes);
  } else if (sizeof(T) == 8 || address % 8 == 0) {
    load_words<2>(pack.values, bytes);
    load_words<2>(pack.values + 2, bytes + 8);
  } else if (sizeof(T) == 4 || address % 4 == 0) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      load_words<1>(pack.values + i, bytes + 4 * i);
  } else if constexpr (sizeof(T) == 2) {  // three words, and half of one on either side
    std::uint32_t words[3];
#pragma unroll
    for (int i = 0; i < 3; ++i)
      load_words<1>(words + i, bytes + 2 + 4 * i);
    const std::uint32_t first = from[0], last = from[7];
    pack.values[0] = first | words[0] << 16;
    pack.values[1] = __funnelshift_r(words[0], words[1], 16);
    pack.values[2] = __funnelshift_r(words[1], words[2], 16);
    pack.values[3] = words[2] >> 16 | last << 16;
  }
  return pack;
}

/// Elements [at, at + V) of a row of y, or past its end, of the rows that follow.
template <class T, int V, class Index>
__device__ __forceinline__ Pack<T, V> gather(const T* x, Index row, Index at, T value,
                                             const PadArguments& p) {
  using Signed = std::make_signed_t<Index>;
  const int last = p.rank - 1;
  const auto columns = static_cast<Index>(p.sizes[last].divisor);
  const auto before = static_cast<Signed>(p.before[last]), size = static_cast<Signed>(p.x_sizes[last]);
  const T* from = row_of(x, row, p);
  const Signed first = static_cast<Signed>(at) - before;
  if constexpr (V * sizeof(T) == 16) {
    if (from != nullptr && first >= 0 && first + V <= size && at + V <= columns) {
      const auto words = load_16_bytes(from + first);
      Pack<T, V> pack;
      memcpy(&pack, &words, sizeof pack);
      return pack;
    }
  }
  Pack<T, V> pack;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (at == columns) {
      at = 0;
      from = row_of(x, ++row, p);
    }
    const Signed source = folded(p.fold, static_cast<Signed>(at) - before, size);
    pack.values[v] = from == nullptr || source < 0 ? value : from[source];
    ++at;
  }
  return pack;
}

/// A thread V elements of y, which are one access; grid-stride. T is an unsigned type of the elements' size.
template <class T, int V, class Index>
__global__ void __launch_bounds__(256) pad(const T* x, T* y, Index count, T value, PadArguments p) {
  const Index first = Index(blockIdx.x) * blockDim.x + threadIdx.x;
  const Index step = Index(gridDim.x) * blockDim.x;
  const Index packs = count / V;
  const Divisor& columns = p.sizes[p.rank - 1];
  for (Index i = first; i < packs; i += step) {
    const Index row = columns.quotient(i * V), at = i * V - row * static_cast<Index>(columns.divisor);
    reinterpret_cast<Pack<T, V>*>(y)[i] = gather<T, V>(x, row, at, value, p);
  }
  const Index i = packs * V + first;  // the last count % V
  if (i < count) {
    const Index row = columns.quotient(i), at = i - row * static_cast<Index>(columns.divisor);
    y[i] = gather<T, 1>(x, row, at, value, p).values[0];
  }
}

}  // namespace upconv::kernels::cuda::device
