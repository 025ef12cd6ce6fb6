#pragma once

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// As kernels::BinaryKind.
enum class BinaryFunction : unsigned char { add, subtract, multiply, divide, maximum, minimum };

/// NaN passes through, as in PyTorch.
template <BinaryFunction kFunction>
__device__ __forceinline__ float apply(float a, float b) {
  switch (kFunction) {
    case BinaryFunction::add:
      return a + b;
    case BinaryFunction::subtract:
      return a - b;
    case BinaryFunction::multiply:
      return a * b;
    case BinaryFunction::divide:
      return a / b;
    case BinaryFunction::maximum:
      return a != a || a > b ? a : b;
    case BinaryFunction::minimum:
      return a != a || a < b ? a : b;
  }
  return a;
}

/// r = f(a, b) for V elements: one branch for all.
template <int V>
__device__ __forceinline__ void apply_to_pack(BinaryFunction function, const float (&a)[V],
                                              const float (&b)[V], float (&r)[V]) {
  const auto each = [&]<BinaryFunction kFunction>() {
#pragma unroll
    for (int v = 0; v < V; ++v)
      r[v] = apply<kFunction>(a[v], b[v]);
  };
  switch (function) {
    case BinaryFunction::add:
      return each.template operator()<BinaryFunction::add>();
    case BinaryFunction::subtract:
      return each.template operator()<BinaryFunction::subtract>();
    case BinaryFunction::multiply:
      return each.template operator()<BinaryFunction::multiply>();
    case BinaryFunction::divide:
      return each.template operator()<BinaryFunction::divide>();
    case BinaryFunction::maximum:
      return each.template operator()<BinaryFunction::maximum>();
    case BinaryFunction::minimum:
      return each.template operator()<BinaryFunction::minimum>();
  }
}

/// Dimensions outside the innermost one, and how the operands step along all of them; zero repeats.
struct BinaryArguments {
  static constexpr int kMaxRank = 8;

  BinaryFunction function = BinaryFunction::add;
  Divisor row;   // the innermost dimension, in packs
  int rank = 0;  // of the others
  Divisor sizes[kMaxRank];
  std::int64_t a_strides[kMaxRank], b_strides[kMaxRank];
  bool a_steps, b_steps;  // along the innermost dimension, by one
  float scalar;           // for an operand that is null
};

/// V elements of an operand from its element `at` on, or its one element in front if it is repeated; nothing
/// if it is null.
template <int V, class T>
__device__ __forceinline__ Pack<T, V> load_operand(const T* from, std::int64_t at, bool steps) {
  Pack<T, V> pack{};
  if (from == nullptr) return pack;
  if (steps) return *reinterpret_cast<const Pack<T, V>*>(from + at);
  pack.values[0] = from[at];
  return pack;
}
template <int V, class T>
__device__ __forceinline__ void operand_floats(float (&to)[V], const Pack<T, V>& pack, bool is_scalar,
                                               bool steps, float scalar) {
#pragma unroll
  for (int v = 0; v < V; ++v)
    to[v] = is_scalar ? scalar : to_float(pack.values[steps ? v : 0]);
}

/// Packs of a thread of binary.
inline constexpr int kBinaryPacks = 2;

/// y = f(a, b), V elements of a row a pack. A thread makes kBinaryPacks packs, 256 apart, and loads them all
/// before it stores one. y may be an operand's memory.
template <class T, int V, class Index>
__global__ void __launch_bounds__(256) binary(const T* a, const T* b, T* y, Index packs, BinaryArguments p) {
  const Index first = Index(blockIdx.x) * (256 * kBinaryPacks) + threadIdx.x;
  Pack<T, V> left[kBinaryPacks], right[kBinaryPacks];
#pragma unroll
  for (int k = 0; k < kBinaryPacks; ++k) {
    const Index i = first + k * 256;
    if (i >= packs) break;
    Index row = p.row.quotient(i);
    const auto column = static_cast<std::int64_t>(i - row * static_cast<Index>(p.row.divisor)) * V;
    std::int64_t in_a = p.a_steps ? column : 0, in_b = p.b_steps ? column : 0;
    for (int dim = p.rank - 1; dim >= 0; --dim) {
      const Index rest = p.sizes[dim].quotient(row);
      const auto at = static_cast<std::int64_t>(row - rest * static_cast<Index>(p.sizes[dim].divisor));
      in_a += at * p.a_strides[dim];
      in_b += at * p.b_strides[dim];
      row = rest;
    }
    left[k] = load_operand<V>(a, in_a, p.a_steps);
    right[k] = load_operand<V>(b, in_b, p.b_steps);
  }
#pragma unroll
  for (int k = 0; k < kBinaryPacks; ++k) {
    const Index i = first + k * 256;
    if (i >= packs) break;
    float one[V], other[V], result[V];
    operand_floats(one, left[k], a == nullptr, p.a_steps, p.scalar);
    operand_floats(other, right[k], b == nullptr, p.b_steps, p.scalar);
    apply_to_pack(p.function, one, other, result);
    Pack<T, V> pack;
#pragma unroll
    for (int v = 0; v < V; ++v)
      pack.values[v] = from_float<T>(result[v]);
    reinterpret_cast<Pack<T, V>*>(y)[i] = pack;
  }
}

}  // namespace upconv::kernels::cuda::device
