#include "common/color.h"

#include <algorithm>

namespace examples {

namespace {

/// Y in 8-bit steps of a pixel with at least one channel.
double luma_of_pixel(const std::uint8_t* pixel, bool has_colour) {
  const double red = pixel[0], green = pixel[has_colour ? 1 : 0], blue = pixel[has_colour ? 2 : 0];
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/// Calls set(pixel, index) for each pixel of the area, row by row.
template <class Set>
void for_each_pixel(const Picture& picture, const Rect& area, const Set& set) {
  std::size_t index = 0;
  for (int y = 0; y < area.height; ++y) {
    const std::uint8_t* pixel = picture.at(area.x, area.y + y);
    for (int x = 0; x < area.width; ++x, pixel += picture.channels)
      set(pixel, index++);
  }
}

/// In 8-bit steps; NaN gives 0.
float clamped_luma(float y) {
  return y > 0.0f ? std::min(y, 1.0f) * 255.0f : 0.0f;
}

}  // namespace

Plane luma_of(const Picture& picture, const Rect& area) {
  Plane y(area.width, area.height);
  const bool has_colour = picture.has_colour();
  for_each_pixel(picture, area, [&](const std::uint8_t* pixel, std::size_t i) {
    y.values[i] = static_cast<float>(luma_of_pixel(pixel, has_colour) / 255.0);
  });
  return y;
}

Chroma chroma_of(const Picture& picture, const Rect& area) {
  Chroma chroma{Plane(area.width, area.height), Plane(area.width, area.height)};
  for_each_pixel(picture, area, [&](const std::uint8_t* pixel, std::size_t i) {
    const double y = luma_of_pixel(pixel, true);
    chroma.cb.values[i] = static_cast<float>((pixel[2] - y) / 1.772);
    chroma.cr.values[i] = static_cast<float>((pixel[0] - y) / 1.402);
  });
  return chroma;
}

Plane alpha_of(const Picture& picture, const Rect& area) {
  Plane alpha(area.width, area.height);
  const int last = picture.channels - 1;
  for_each_pixel(picture, area,
                 [&](const std::uint8_t* pixel, std::size_t i) { alpha.values[i] = pixel[last]; });
  return alpha;
}

std::uint8_t to_byte(float value) {
  return value > 0.0f ? static_cast<std::uint8_t>(std::min(value + 0.5f, 255.0f)) : std::uint8_t{0};
}

std::uint8_t grey_of(float y) {
  return to_byte(clamped_luma(y));
}

std::array<std::uint8_t, 3> rgb_of(float y, float cb, float cr) {
  const float luma = clamped_luma(y);
  const float red = luma + 1.402f * cr;
  const float blue = luma + 1.772f * cb;
  const float green = (luma - 0.299f * red - 0.114f * blue) / 0.587f;
  return {to_byte(red), to_byte(green), to_byte(blue)};
}

}  // namespace examples
