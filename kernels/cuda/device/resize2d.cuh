#pragma once

#include <type_traits>

#include <upconv/kernels/cuda/device/divisor.cuh>
#include <upconv/kernels/cuda/device/element.cuh>
#include <upconv/kernels/cuda/device/resize_taps.cuh>

namespace upconv::kernels::cuda::device {

/// Nearest neighbours: a thread makes V pixels that lie together, of several planes. W: an integer of a
/// pixel's size. Blocks of one group of planes follow each other.
template <class W, int V>
__global__ void __launch_bounds__(256) resize2d_nearest(const W* x, W* y, ResizeArguments p, Divisor blocks,
                                                        Divisor packs, int planes, int group) {
  const std::uint32_t batch = blocks.quotient(blockIdx.x);
  const std::uint32_t pack =
      (blockIdx.x - batch * static_cast<std::uint32_t>(blocks.divisor)) * 256 + threadIdx.x;
  const std::uint32_t oh = packs.quotient(pack);
  if (oh >= static_cast<std::uint32_t>(p.rows.out)) return;
  const int ow = static_cast<int>(pack - oh * static_cast<std::uint32_t>(packs.divisor)) * V;
  int index[V];
#pragma unroll
  for (int v = 0; v < V; ++v)
    index[v] = ResizeTaps<1>(p.columns, ow + v, p).index[0];
  const int ih = ResizeTaps<1>(p.rows, static_cast<int>(oh), p).index[0];
  const std::int64_t in_plane = static_cast<std::int64_t>(p.rows.in) * p.columns.in;
  const std::int64_t out_plane = static_cast<std::int64_t>(p.rows.out) * p.columns.out;
  const int first = static_cast<int>(batch) * group, last = min(first + group, planes);
  x += first * in_plane + ih * p.columns.in;
  y += first * out_plane + static_cast<int>(oh) * p.columns.out + ow;
#pragma unroll 4
  for (int plane = first; plane < last; ++plane, x += in_plane, y += out_plane) {
    Pack<W, V> values;
#pragma unroll
    for (int v = 0; v < V; ++v)
      values.values[v] = __ldg(x + index[v]);
    *reinterpret_cast<Pack<W, V>*>(y) = values;
  }
}

/// A block's piece of an image, in pixels of y.
inline constexpr int kResizeColumns = 128;

/// What the host decides about tiles.
struct ResizeTiles {
  int rows;              // of y in a tile
  int lines;             // rows of x that a tile needs, at most
  int planes, group;     // of all; of a block
  Divisor across, down;  // tiles in a row of tiles, rows of tiles
};

/// Tiles of 128 columns, 256 threads, several planes after each other. Columns first: each row of x that the
/// tile needs is resized into shared memory, two rows at a time, a thread a column, whose taps it keeps in
/// registers. Then rows: a thread makes V pixels that lie together. kTaps: 2, 4, or 0 where downscaling
/// averages.
template <class T, int kTaps, int V>
__global__ void __launch_bounds__(256)
    resize2d_tiles(const T* x, T* y, ResizeArguments p, ResizeTiles tiles) {
  constexpr int kWidth = kResizeColumns, kThreads = 256;
  // Without averaging two lines' buffers take turns, and a plane needs one barrier.
  constexpr int kBuffers = kTaps == 0 ? 1 : 2;
  extern __shared__ __align__(16) unsigned char shared[];
  float* const lines = reinterpret_cast<float*>(shared);              // [kBuffers][lines][kWidth]
  float* const row_weight = lines + kBuffers * tiles.lines * kWidth;  // [rows][taps]
  int* const row_line = reinterpret_cast<int*>(row_weight + tiles.rows * p.rows.taps);  // likewise
  int* const row_size = row_line + tiles.rows * p.rows.taps;                            // [rows]
  float* const column_weight = reinterpret_cast<float*>(row_size + tiles.rows);         // [taps][kWidth]

  const std::uint32_t line_of_tiles = tiles.across.quotient(blockIdx.x);
  const std::uint32_t batch = tiles.down.quotient(line_of_tiles);
  const int ow0 =
      static_cast<int>(blockIdx.x - line_of_tiles * static_cast<std::uint32_t>(tiles.across.divisor)) *
      kWidth;
  const int oh0 =
      static_cast<int>(line_of_tiles - batch * static_cast<std::uint32_t>(tiles.down.divisor)) * tiles.rows;
  const int rows = min(tiles.rows, p.rows.out - oh0);
  const int tid = static_cast<int>(threadIdx.x);
  const int column = tid % kWidth;
  using Taps = std::conditional_t<kTaps == 0, AntialiasTaps, ResizeTaps<kTaps == 0 ? 1 : kTaps>>;
  const Taps column_taps(p.columns, min(ow0 + column, p.columns.out - 1), p);

  int first_line, last_line;  // rows of x that the tile needs
  if constexpr (kTaps == 0) {
    const Taps top(p.rows, oh0, p), bottom(p.rows, oh0 + rows - 1, p);
    first_line = top.first;
    last_line = max(bottom.first + bottom.size - 1, first_line);
    if (tid < rows) {
      const Taps taps(p.rows, oh0 + tid, p);
      const float scale = taps.scale(p.cubic);
      row_size[tid] = taps.size;
      for (int k = 0; k < taps.size; ++k) {
        row_weight[tid * p.rows.taps + k] = taps.weight(k, p.cubic) * scale;
        row_line[tid * p.rows.taps + k] = taps.first + k - first_line;
      }
    }
    if (tid >= kThreads - kWidth) {
      const float scale = column_taps.scale(p.cubic);
      for (int k = 0; k < column_taps.size; ++k)
        column_weight[k * kWidth + column] = column_taps.weight(k, p.cubic) * scale;
    }
    __syncthreads();
  } else {
    first_line = Taps(p.rows, oh0, p).index[0];
    last_line = Taps(p.rows, oh0 + rows - 1, p).index[kTaps - 1];
    if (tid < rows) {
      const Taps taps(p.rows, oh0 + tid, p);
#pragma unroll
      for (int k = 0; k < kTaps; ++k) {
        row_weight[tid * kTaps + k] = taps.weight[k];
        row_line[tid * kTaps + k] = taps.index[k] - first_line;
      }
    }
  }

  const std::int64_t in_plane = static_cast<std::int64_t>(p.rows.in) * p.columns.in;
  const std::int64_t out_plane = static_cast<std::int64_t>(p.rows.out) * p.columns.out;
  const int first = static_cast<int>(batch) * tiles.group, last = min(first + tiles.group, tiles.planes);
  x += first * in_plane + first_line * p.columns.in;
  y += first * out_plane + oh0 * p.columns.out + ow0;

  for (int plane = first; plane < last; ++plane, x += in_plane, y += out_plane) {
    float* const buffer = lines + (kBuffers == 2 ? (plane - first) % 2 : 0) * tiles.lines * kWidth;
    const int line_count = last_line - first_line + 1;
    if constexpr (kTaps == 0) {
      for (int line = tid / kWidth; line < line_count; line += kThreads / kWidth) {
        const T* from = x + line * p.columns.in + column_taps.first;
        float sum = 0.0f;
#pragma unroll 4
        for (int k = 0; k < column_taps.size; ++k)
          sum += column_weight[k * kWidth + column] * to_float(from[k]);
        buffer[line * kWidth + column] = sum;
      }
    } else {
#pragma unroll 4
      for (int line = tid / kWidth; line < line_count; line += kThreads / kWidth) {
        const T* from = x + line * p.columns.in;
        float sum = column_taps.weight[0] * to_float(from[column_taps.index[0]]);
#pragma unroll
        for (int k = 1; k < kTaps; ++k)
          sum += column_taps.weight[k] * to_float(from[column_taps.index[k]]);
        buffer[line * kWidth + column] = sum;
      }
    }
    __syncthreads();

    constexpr int kPacks = kWidth / V;
    for (int pack = tid; pack < rows * kPacks; pack += kThreads) {
      const int row = pack / kPacks, at = pack % kPacks * V;
      if (ow0 + at >= p.columns.out) continue;
      const int taps = kTaps == 0 ? row_size[row] : kTaps;
      float sums[V] = {};
#pragma unroll
      for (int k = 0; k < (kTaps == 0 ? taps : kTaps); ++k) {
        const int tap = row * p.rows.taps + k;
        const auto values = *reinterpret_cast<const Pack<float, V>*>(buffer + row_line[tap] * kWidth + at);
#pragma unroll
        for (int v = 0; v < V; ++v)
          sums[v] += row_weight[tap] * values.values[v];
      }
      Pack<T, V> result;
#pragma unroll
      for (int v = 0; v < V; ++v)
        result.values[v] = from_float<T>(sums[v]);
      *reinterpret_cast<Pack<T, V>*>(y + row * p.columns.out + at) = result;
    }
    if constexpr (kBuffers == 1) __syncthreads();
  }
}

/// A thread a pixel, grid-stride; images of any size. kTaps: 1, 2, 4, or 0 where downscaling averages.
template <class T, int kTaps, class Index>
__global__ void __launch_bounds__(256)
    resize2d_plain(const T* x, T* y, Index count, Divisor columns, Divisor rows, ResizeArguments p) {
  const Index step = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const Index line = columns.quotient(i), plane = rows.quotient(line);
    const int ow = static_cast<int>(i - line * static_cast<Index>(p.columns.out));
    const int oh = static_cast<int>(line - plane * static_cast<Index>(p.rows.out));
    const T* from = x + static_cast<std::int64_t>(plane) * p.rows.in * p.columns.in;
    if constexpr (kTaps == 1) {
      const int ih = ResizeTaps<1>(p.rows, oh, p).index[0], iw = ResizeTaps<1>(p.columns, ow, p).index[0];
      y[i] = from[static_cast<std::int64_t>(ih) * p.columns.in + iw];
    } else if constexpr (kTaps == 0) {
      const AntialiasTaps h(p.rows, oh, p), w(p.columns, ow, p);
      const float scale = h.scale(p.cubic) * w.scale(p.cubic);
      float sum = 0.0f;
      for (int k = 0; k < h.size; ++k) {
        const T* row = from + static_cast<std::int64_t>(h.first + k) * p.columns.in + w.first;
        float row_sum = 0.0f;
#pragma unroll 4
        for (int l = 0; l < w.size; ++l)
          row_sum += w.weight(l, p.cubic) * to_float(row[l]);
        sum += h.weight(k, p.cubic) * row_sum;
      }
      y[i] = from_float<T>(sum * scale);
    } else {
      const ResizeTaps<kTaps> h(p.rows, oh, p), w(p.columns, ow, p);
      float sum = 0.0f;
#pragma unroll
      for (int k = 0; k < kTaps; ++k) {
        const T* row = from + static_cast<std::int64_t>(h.index[k]) * p.columns.in;
        float row_sum = 0.0f;
#pragma unroll
        for (int l = 0; l < kTaps; ++l)
          row_sum += w.weight[l] * to_float(row[w.index[l]]);
        sum += h.weight[k] * row_sum;
      }
      y[i] = from_float<T>(sum);
    }
  }
}

}  // namespace upconv::kernels::cuda::device
