#pragma once

#include <cstddef>
#include <cstdint>

#include <upconv/kernels/resize2d.h>

namespace upconv::kernels::cpu {

/// Which pixels of x along one axis a pixel of y is made of, and their weights: tap k of pixel o stands at
/// k * pitch + o. A tap that is not there, as some at the border of an antialiased image, has index `in` and
/// weight 0; so have pixels from `out` to `pitch`. In memory of the caller's. Internal: not installed.
struct ResizeTable {
  std::int64_t in = 0, out = 0;
  std::int64_t taps = 0, pitch = 0;
  std::int32_t* index = nullptr;
  float* weight = nullptr;  ///< Not there for nearest neighbours.

  /// If out is 2 * in: of pixels 2 * i and 2 * i + 1, with `begin` <= i < `end`, tap k has one weight and an
  /// index of one distance from i. Near the borders it may be otherwise.
  struct {
    std::int64_t begin = 0, end = 0;
  } doubled = {};
};

/// Entries of a tap: from any pixel on, a whole vector of any CPU can be read.
std::int64_t resize_table_pitch(std::int64_t out);

/// Bytes of the table's memory.
std::size_t resize_table_bytes(const ResizeProblem& problem, const ResizeAxis& axis);
/// Fills `memory`. Positions are computed as PyTorch computes them, so that its pixels are taken.
ResizeTable make_resize_table(const ResizeProblem& problem, const ResizeAxis& axis, std::byte* memory);

}  // namespace upconv::kernels::cpu
