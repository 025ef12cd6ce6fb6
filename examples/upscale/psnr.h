#pragma once

#include <cstdint>

#include "upscale/scale.h"

namespace upscale {

/// PSNR of luma against an original, gathered piece by piece: 10 log10(1 / mean squared error) over luma in
/// [0, 1], both sides clamped and neither rounded, without the outermost kBorder pixels on every side.
/// tools/train_upscaler.py evaluates by the same definition.
class PsnrY {
 public:
  static constexpr int kBorder = 4;

  /// Keeps a reference to `original`. Throws: PictureError if nothing is left inside the border.
  explicit PsnrY(const Picture& original);

  /// Adds luma that covers `area` of the original.
  void add(const Rect& area, const Plane& luma);
  /// In decibels; 120 for pictures that are the same.
  double decibels() const;

 private:
  const Picture& original_;
  double squared_error_ = 0.0;
  std::int64_t count_ = 0;
};

}  // namespace upscale
