#pragma once

#include <cstddef>
#include <vector>

namespace examples {

/// A rectangle of pixels.
struct Rect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  /// The same area of a picture `factor` times as wide and high.
  Rect enlarged(int factor) const { return {x * factor, y * factor, width * factor, height * factor}; }
  friend bool operator==(const Rect&, const Rect&) = default;
};

/// One channel of a picture, or of a part of it, in float; rows from the top, without gaps.
struct Plane {
  int width = 0;
  int height = 0;
  std::vector<float> values;

  Plane() = default;
  Plane(int w, int h)
      : width(w), height(h), values(static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}

  float* row(int y) { return values.data() + static_cast<std::ptrdiff_t>(y) * width; }
  const float* row(int y) const { return values.data() + static_cast<std::ptrdiff_t>(y) * width; }
  friend bool operator==(const Plane&, const Plane&) = default;
};

}  // namespace examples
