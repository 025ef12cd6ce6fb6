#pragma once

#include "common/picture.h"
#include "common/plane.h"

namespace upscale {

using examples::Picture;
using examples::PictureError;
using examples::Plane;
using examples::Rect;

/// Every picture leaves this program twice as wide and twice as high.
inline constexpr int kScale = 2;

}  // namespace upscale
