#pragma once

#include <cstdint>
#include <functional>

#include "upscale/picture.h"
#include "upscale/plane.h"

namespace upscale {

/// Makes a plane twice as wide and high. Must not depend on pixels further away than EnlargeOptions::overlap.
using EnlargeLuma = std::function<Plane(const Plane& luma)>;

struct EnlargeOptions {
  int tile = 256;       ///< Largest side of a tile, in pixels of the small picture.
  int overlap = 8;      ///< What is read around a tile; see plan_tiles.
  int num_threads = 1;  ///< For the bicubic part.
  /// Told each tile's enlarged luma and where it lies in the enlarged picture, before it is rounded.
  std::function<void(const Rect& area, const Plane& luma)> on_luma = {};
  /// Told after each tile how many pixels of the small picture are done.
  std::function<void(std::int64_t pixels)> on_progress = {};
};

/// Enlarges a picture x2: luma by `luma`, chroma and alpha by bicubic interpolation. Works tile by tile, so
/// that beside the two pictures only one tile stands in memory.
Picture enlarge(const Picture& small, const EnlargeLuma& luma, const EnlargeOptions& options);

}  // namespace upscale
