#pragma once

#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

/// y = fn(x, channel) over [outer, channels, inner], V elements an access, grid-stride. x may be y.
/// Fn has `kReadsInput`, `by_channel` (does the channel matter), `at(channel)` -> what the channel sets, and
/// `operator()(float, set)`. Index is 32 bits wide while count, and the grid's step past it, fit.
template <class T, int V, class Index, class Fn>
__global__ void __launch_bounds__(256)
    elementwise(const T* x, T* y, Index count, Index channels, Index inner, Fn fn) {
  const Index first = Index(blockIdx.x) * blockDim.x + threadIdx.x;
  const Index step = Index(gridDim.x) * blockDim.x;
  const Index packs = count / V;
  const bool one_channel = !fn.by_channel || inner % V == 0;
  for (Index i = first; i < packs; i += step) {
    Pack<T, V> pack;
    if constexpr (Fn::kReadsInput) pack = reinterpret_cast<const Pack<T, V>*>(x)[i];
    const Index plane = fn.by_channel ? i * V / inner : 0;
    auto set = fn.at(plane % channels);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      if (!one_channel) set = fn.at((i * V + v) / inner % channels);
      float value = 0.0f;
      if constexpr (Fn::kReadsInput) value = to_float(pack.values[v]);
      pack.values[v] = from_float<T>(fn(value, set));
    }
    reinterpret_cast<Pack<T, V>*>(y)[i] = pack;
  }
  const Index i = packs * V + first;  // the last count % V
  if (i < count) {
    float value = 0.0f;
    if constexpr (Fn::kReadsInput) value = to_float(x[i]);
    y[i] = from_float<T>(fn(value, fn.at(fn.by_channel ? i / inner % channels : 0)));
  }
}

}  // namespace upconv::kernels::cuda::device
