#pragma once

#include <upconv/kernels/cuda/device/epilogue.cuh>

namespace upconv::kernels::cuda::device {

template <int V, class T>
__device__ __forceinline__ void load_pack(float (&to)[V], const T* from) {
  const auto pack = *reinterpret_cast<const Pack<T, V>*>(from);
#pragma unroll
  for (int v = 0; v < V; ++v)
    to[v] = to_float(pack.values[v]);
}

template <int V, class T>
__device__ __forceinline__ void store_pack(const float (&from)[V], T* to) {
  Pack<T, V> pack;
#pragma unroll
  for (int v = 0; v < V; ++v)
    pack.values[v] = from_float<T>(from[v]);
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
}

/// y = epilogue(x) over [outer, channels, inner], V elements an access, grid-stride. x and the residual may
/// be y. Index is 32 bits wide while count, and the grid's step past it, fit.
template <class T, int V, class Index>
__global__ void __launch_bounds__(256)
    pointwise(const T* x, T* y, Index count, Index channels, Index inner, const DeviceEpilogue epilogue) {
  const Index first = Index(blockIdx.x) * blockDim.x + threadIdx.x;
  const Index step = Index(gridDim.x) * blockDim.x;
  const Index packs = count / V;
  const bool one_channel = !epilogue.by_channel || inner % V == 0;
  const auto* residual = static_cast<const T*>(epilogue.residual);
  const auto constants_at = [&](Index element) {
    return epilogue.template constants_of<T>(epilogue.by_channel ? element / inner % channels : 0);
  };
  for (Index i = first; i < packs; i += step) {
    float values[V], added[V] = {};
    load_pack(values, x + i * V);
    if (residual != nullptr) load_pack(added, residual + i * V);
    if (one_channel) {
      epilogue.finish_run(values, constants_at(i * V), added);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        float one[1] = {values[v]};
        const float one_added[1] = {added[v]};
        epilogue.finish_run(one, constants_at(i * V + v), one_added);
        values[v] = one[0];
      }
    }
    store_pack(values, y + i * V);
  }
  const Index i = packs * V + first;  // the last count % V
  if (i < count) {
    const float value = to_float(x[i]);
    y[i] = from_float<T>(epilogue.template finish<T>(value, constants_at(i), static_cast<std::int64_t>(i)));
  }
}

/// y = f(x) for a function of more than a few instructions, alone: compiled for each kind, where `pointwise`
/// calls a function for each element. Two packs are loaded at a time, since so much code takes registers and
/// leaves fewer threads to wait for memory. x may be y.
template <class T, int V>
__global__ void __launch_bounds__(256)
    pointwise_function(const T* x, T* y, std::uint32_t count, const DeviceActivation function) {
  const std::uint32_t first = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  const std::uint32_t packs = count / V;
  const float a = function.a, b = function.b;
  with_kind(function.kind, [=]<Kind kKind>(std::integral_constant<Kind, kKind>) {
    const auto apply = [=](float value) {
      if constexpr (is_long(kKind)) return activate_alone<kKind>(value, a, b);
      return activate<kKind>(value, a, b);
    };
    for (std::uint32_t i = first; i < packs; i += 2 * step) {
      const std::uint32_t j = i + step;
      float values[V], others[V];
      load_pack(values, x + i * V);
      if (j < packs) load_pack(others, x + j * V);
      apply_to_run(values, apply);
      store_pack(values, y + i * V);
      if (j >= packs) break;
      apply_to_run(others, apply);
      store_pack(others, y + j * V);
    }
    const std::uint32_t i = packs * V + first;  // the last count % V
    if (i < count) y[i] = from_float<T>(apply(to_float(x[i])));
  });
}

}  // namespace upconv::kernels::cuda::device
