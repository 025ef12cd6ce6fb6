#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/divisor.cuh>

namespace upconv::kernels::cuda::device {

/// A copy as kernels take it; `outer` dimensions are those that a kernel does not walk itself.
struct StridedCopyArguments {
  static constexpr int kMaxRank = 16;

  int rank = 0;
  Divisor sizes[kMaxRank];
  std::int64_t x_strides[kMaxRank], y_strides[kMaxRank];

  /// Adds to x and y where the elements of one index of the dimensions lie.
  template <class Index>
  __device__ void walk(Index index, std::int64_t& x, std::int64_t& y) const {
    for (int i = rank - 1; i >= 0; --i) {
      const Index rest = sizes[i].quotient(index);
      const auto at = static_cast<std::int64_t>(index - rest * static_cast<Index>(sizes[i].divisor));
      x += at * x_strides[i];
      y += at * y_strides[i];
      index = rest;
    }
  }
};

/// y[i] = x[i], a thread an element, in y's order; grid-stride. T is as wide as the strides and addresses
/// allow.
template <class T, class Index>
__global__ void __launch_bounds__(256)
    strided_copy(const T* x, T* y, Index count, StridedCopyArguments arguments) {
  const Index step = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    std::int64_t from = 0, to = 0;
    arguments.walk(i, from, to);
    y[to] = x[from];
  }
}

/// The two dimensions of a transposition: y's elements lie side by side along columns, x's along rows.
struct TransposedPlane {
  std::int64_t rows, columns;
  std::int64_t x_column, y_row;  // strides
  std::int64_t row_tiles, column_tiles;
};

/// A block a tile of 32 x 32 elements, which it turns in shared memory; `outer` counts planes.
template <class T>
__global__ void __launch_bounds__(256)
    transpose_copy(const T* x, T* y, TransposedPlane plane, StridedCopyArguments outer) {
  __shared__ T tile[32][33];  // [column][row]; a column more, so that no two threads of a warp share a bank
  const std::int64_t tiles = plane.row_tiles * plane.column_tiles;
  const std::int64_t which = blockIdx.x / tiles, at = blockIdx.x % tiles;
  const std::int64_t row0 = at / plane.column_tiles * 32, column0 = at % plane.column_tiles * 32;
  std::int64_t from = 0, to = 0;
  outer.walk(static_cast<std::uint64_t>(which), from, to);
  const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
#pragma unroll
  for (int i = line; i < 32; i += 8) {
    if (column0 + i < plane.columns && row0 + lane < plane.rows)
      tile[i][lane] = x[from + (column0 + i) * plane.x_column + row0 + lane];
  }
  __syncthreads();
#pragma unroll
  for (int i = line; i < 32; i += 8) {
    if (row0 + i < plane.rows && column0 + lane < plane.columns)
      y[to + (row0 + i) * plane.y_row + column0 + lane] = tile[lane][i];
  }
}

}  // namespace upconv::kernels::cuda::device
