#pragma once

#include <cstddef>
#include <cstdint>

#include <upconv/kernels/cpu/convolution_axis.h>
#include <upconv/kernels/cpu/convolution_pack.h>

/// How the direct convolution cuts a problem into items of work, one thread each. Plain integers, computed by
/// every launch anew; no choice made here can change a result, since every output pixel is summed in the
/// order ci, kh, kw whatever tile it falls into.
namespace upconv::kernels::cpu {

/// What the lanes of a vector run over.
enum class TileMode {
  rows,   ///< Columns of one row: wide images.
  flat,   ///< Columns, rows and images, as one string of pixels with the halo in between: small images.
  batch,  ///< Images, at one pixel: tiny images in large batches; taps outside the image cost nothing.
};

struct ConvPlan {
  /// For at most `max_threads` threads.
  ConvPlan(const ConvProblem& problem, std::int64_t vector_lanes, int max_threads);

  ConvProblem problem;
  ConvPackLayout layout;
  std::int64_t lanes;  ///< f32 lanes of a vector.
  TileMode mode;
  std::int64_t images, rows, cols;            ///< Of a full tile, in q; tiles at the end are smaller.
  std::int64_t tiles_n, tiles_h, tiles_w;     ///< Tiles of one group.
  std::int64_t blocks_per_item, block_parts;  ///< Blocks of output channels an item computes; items a tile.
  std::int64_t slice, slices;  ///< Input channels that are loaded at a time, and how often; mostly all, once.

  bool streams;  ///< y is larger than the caches, so it is written past them.

  /// Work items: a part of the output channels of a tile of a group.
  std::int64_t items() const { return problem.groups * tiles_n * tiles_h * tiles_w * block_parts; }
  int threads;  ///< As many as have work to do and as the scratch allows.

  // Scratch of one thread, in the order it lies there; sizes in elements.
  std::int64_t input_floats;   ///< A slice of the tile of x: [ci][plane][..] with its halo.
  std::int64_t sums_step;      ///< Sums of a block and phase_h of the tile of y: [phase_w][co_lane][pixel].
  std::int64_t output_floats;  ///< One such set of sums, reused; of several slices, all sets of an item.
  std::int64_t line_floats;    ///< One row of y, its phases interleaved; one padded row of x.
  std::int64_t tap_count;      ///< Taps of all phases of a row.
  std::int64_t vector_count;   ///< Vectors of a tile.
  std::int64_t row_count;      ///< Rows of the tile of x, in all planes of the height.
  std::size_t scratch_bytes() const;
  /// Of all threads together: at most 2 MB for each thread, or the size of the operands, or what one thread
  /// needs.
  std::size_t workspace_bytes() const { return scratch_bytes() * static_cast<std::size_t>(threads); }
};

/// One tile: where it lies in the problem and in the scratch.
struct ConvTile {
  ConvTile(const ConvPlan& plan, std::int64_t item);

  std::int64_t group, block0, block1;           ///< Output channels, in blocks.
  std::int64_t n0, images;                      ///< Images [n0, n0 + images).
  std::int64_t row0, rows, col0, cols;          ///< Pixels q.
  ConvSpan window_h, window_w;                  ///< Of the planes of x.
  std::int64_t planes;                          ///< Planes of x, both axes together.
  std::int64_t image_step, row_step, col_step;  ///< Of the tile of x.
  std::int64_t plane_step, channel_step;
  std::int64_t vectors;  ///< Vectors that cover the pixels.
  /// Where vector v starts in a plane of the tile of x.
  std::int64_t vector_start(std::int64_t v) const {
    return vectors_per_row == 0 ? v * lanes : v / vectors_per_row * row_step + v % vectors_per_row * lanes;
  }
  /// Where a row's pixels start in the tile of y; in batch mode, the images of the one pixel.
  std::int64_t pixel_start(std::int64_t image, std::int64_t row) const {
    return vectors_per_row == 0 ? image * image_step + row * row_step : row * vectors_per_row * lanes;
  }

 private:
  std::int64_t lanes, vectors_per_row;  ///< vectors_per_row is 0 when rows share vectors.
};

}  // namespace upconv::kernels::cpu
