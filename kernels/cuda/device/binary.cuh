#pragma once

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// As kernels::BinaryKind.
enum class BinaryFunction : unsigned char { add, subtract, multiply, divide, maximum, minimum };

/// NaN passes through, as in PyTorch.
__device__ inline float apply(BinaryFunction function, float a, float b) {
  switch (function) {
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

/// V elements of an operand from its element `at` on, or its one element V times; the scalar if it is null.
template <int V, class T>
__device__ __forceinline__ void load_floats(float (&to)[V], const T* from, std::int64_t at, bool steps,
                                            float scalar) {
  if (from != nullptr && steps) {
    const auto pack = *reinterpret_cast<const Pack<T, V>*>(from + at);
#pragma unroll
    for (int v = 0; v < V; ++v)
      to[v] = to_float(pack.values[v]);
    return;
  }
  const float value = from == nullptr ? scalar : to_float(from[at]);
#pragma unroll
  for (int v = 0; v < V; ++v)
    to[v] = value;
}

/// y = f(a, b), V elements of a row a thread, grid-stride. y may be an operand's memory.
template <class T, int V, class Index>
__global__ void __launch_bounds__(256) binary(const T* a, const T* b, T* y, Index packs, BinaryArguments p) {
  const Index step = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < packs; i += step) {
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
    float left[V], right[V];
    load_floats(left, a, in_a, p.a_steps, p.scalar);
    load_floats(right, b, in_b, p.b_steps, p.scalar);
    Pack<T, V> pack;
#pragma unroll
    for (int v = 0; v < V; ++v)
      pack.values[v] = from_float<T>(apply(p.function, left[v], right[v]));
    reinterpret_cast<Pack<T, V>*>(y)[i] = pack;
  }
}

}  // namespace upconv::kernels::cuda::device
