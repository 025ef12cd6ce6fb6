#pragma once

#include <cstdint>
#include <functional>

#include "upscale/scale.h"

namespace upscale {

/// Makes a plane twice as wide and high. Must not depend on pixels further away than EnlargeOptions::overlap.
using EnlargeLuma = std::function<Plane(const Plane& luma)>;

struct EnlargeOptions {
  int tile = 256;       ///< Largest side of a tile, in pixels of the small picture.
  int overlap = 8;      ///< What is read around a tile; see plan_tiles.
  int num_threads = 1;  ///< For the bicubic part.
  /// Told each tile's enlarged luma and where it lies in the enlarged picture, before it is rounded.
  std::function<void(const Rect& area, const Plane& luma)> on_luma = {};
  /// Told after each tile how many pixels of the small picture are done: enlarged, and where the tile is the
  /// last of its row, taken as well.
  std::function<void(std::int64_t pixels)> on_progress = {};
};

/// Takes the next rows of the enlarged picture, from the top.
using TakeRows = std::function<void(const Picture& rows)>;

/// Enlarges a picture x2: luma by `luma`, chroma and alpha by bicubic interpolation. Works tile by tile and
/// gives the result away row of tiles by row of tiles, so that beside the small picture only these rows and
/// one tile stand in memory.
void enlarge(const Picture& small, const EnlargeLuma& luma, const EnlargeOptions& options,
             const TakeRows& take_rows);
/// The same, as one picture.
Picture enlarge(const Picture& small, const EnlargeLuma& luma, const EnlargeOptions& options);

}  // namespace upscale
