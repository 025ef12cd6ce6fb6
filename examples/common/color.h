#pragma once

#include <array>
#include <cstdint>

#include "common/picture.h"
#include "common/plane.h"

namespace examples {

// Full-range BT.601, as in JPEG: Y = 0.299 R + 0.587 G + 0.114 B, Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402.
// Luma planes hold Y / 255, in [0, 1] and not rounded; chroma planes hold Cb and Cr in 8-bit steps around
// zero. tools/train_upscaler.py computes the same.

struct Chroma {
  Plane cb;
  Plane cr;
};

/// Luma of a part of a picture, which for grey is the grey itself.
Plane luma_of(const Picture& picture, const Rect& area);
/// Chroma of a part of a picture that has colour.
Chroma chroma_of(const Picture& picture, const Rect& area);
/// The last channel of a part of a picture that has alpha, in 8-bit steps.
Plane alpha_of(const Picture& picture, const Rect& area);

/// `value` in 8-bit steps, rounded (halves up) and clamped; NaN gives 0.
std::uint8_t to_byte(float value);
/// Luma, clamped to [0, 1], as a grey byte.
std::uint8_t grey_of(float y);
/// Back to RGB; luma is clamped to [0, 1] first.
std::array<std::uint8_t, 3> rgb_of(float y, float cb, float cr);

}  // namespace examples
