#pragma once

#include "upscale/scale.h"

namespace upscale {

/// How many pixels around a pixel the enlarged ones depend on.
inline constexpr int kBicubicReach = 2;

/// Enlarges a plane x2 by bicubic interpolation, bit for bit as Pillow's `Image.resize(..., BICUBIC)` on mode
/// "F": cubic convolution with a = -0.5, rows before columns, sums in double, and at the border the weights
/// that fall inside, scaled to sum to one.
Plane bicubic_x2(const Plane& small, int num_threads = 1);

}  // namespace upscale
