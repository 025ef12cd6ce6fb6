#pragma once

#include <upconv/kernels/cuda/device/activation.cuh>

namespace upconv::kernels::cuda::device {

/// y[row][column] = activation(sums[row][column] + bias of the channel), added in f32 and rounded once. Rows
/// of sums follow each other, those of y are `pitch` elements apart; V elements an access, grid-stride. A
/// row is of channel row % channels, or, if kByColumn, a column is a channel. `count`: rows * columns / V; it
/// and the grid's step past it fit 32 bits.
template <class T, int V, bool kByColumn>
__global__ void __launch_bounds__(256)
    finish_product(const float* sums, T* y, unsigned count, unsigned columns, unsigned channels,
                   long long pitch, const T* bias, const ActivationParams<T> activation) {
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const unsigned packs = columns / V, row = i / packs, column = i % packs * V;
    const Pack<float, V> in = reinterpret_cast<const Pack<float, V>*>(sums)[i];
    Pack<T, V> out;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const unsigned channel = kByColumn ? column + v : row % channels;
      const float added = bias == nullptr ? 0.0f : to_float(bias[channel]);
      out.values[v] =
          from_float<T>(activate(activation.function, in.values[v] + added, activation.slope_of(channel)));
    }
    *reinterpret_cast<Pack<T, V>*>(y + row * pitch + column) = out;
  }
}

}  // namespace upconv::kernels::cuda::device
