#pragma once

#include <upconv/kernels/cuda/device/epilogue.cuh>

namespace upconv::kernels::cuda::device {

/// y[first + row * pitch + column] = epilogue(sums[row][column]), computed in f32 and rounded once. Rows of
/// sums follow each other; V elements an access, grid-stride. A row is of channel row % channels, or, if
/// kByColumn, a column is a channel. `count`: rows * columns / V; it and the grid's step past it fit 32 bits.
template <class T, int V, bool kByColumn>
__global__ void __launch_bounds__(256)
    finish_product(const float* sums, T* y, long long first, unsigned count, unsigned columns,
                   unsigned channels, long long pitch, const DeviceEpilogue epilogue) {
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const unsigned packs = columns / V, row = i / packs, column = i % packs * V;
    const Pack<float, V> in = reinterpret_cast<const Pack<float, V>*>(sums)[i];
    const long long at = first + row * pitch + column;
    Pack<T, V> out;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const unsigned channel = kByColumn ? column + v : row % channels;
      out.values[v] = from_float<T>(
          epilogue.template finish<T>(in.values[v], epilogue.template constants_of<T>(channel), at + v));
    }
    *reinterpret_cast<Pack<T, V>*>(y + at) = out;
  }
}

}  // namespace upconv::kernels::cuda::device
