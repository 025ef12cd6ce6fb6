#include "common/compare.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/color.h"
#include <stb_easy_font.h>

namespace examples {

namespace {

using Rgb = std::array<std::uint8_t, 3>;

constexpr int kGap = 6;              // pixels between panels, and around them
constexpr int kLargestPanel = 1024;  // width above which a whole picture is reduced
constexpr int kZoom = 6;
constexpr int kFontHeight = 8;  // of stb_easy_font, before it is enlarged
constexpr Rgb kBackground = {255, 255, 255};
constexpr Rgb kInk = {40, 40, 40};
constexpr int kFrameWidth = 3;
constexpr Rgb kFrame = {230, 60, 40};

Rgb colour_at(const Picture& picture, int x, int y) {
  const std::uint8_t* pixel = picture.at(x, y);
  return picture.has_colour() ? Rgb{pixel[0], pixel[1], pixel[2]} : Rgb{pixel[0], pixel[0], pixel[0]};
}

/// Paints the part of `area` that lies on the canvas.
void fill(Picture& canvas, const Rect& area, const Rgb& colour) {
  for (int y = std::max(0, area.y); y < std::min(canvas.height, area.y + area.height); ++y) {
    for (int x = std::max(0, area.x); x < std::min(canvas.width, area.x + area.width); ++x)
      std::ranges::copy(colour, canvas.at(x, y));
  }
}

/// The outline of `area`, just outside it.
void frame(Picture& canvas, const Rect& area) {
  const int width = area.width + 2 * kFrameWidth;
  const int left = area.x - kFrameWidth, top = area.y - kFrameWidth;
  fill(canvas, {left, top, width, kFrameWidth}, kFrame);
  fill(canvas, {left, area.y + area.height, width, kFrameWidth}, kFrame);
  fill(canvas, {left, area.y, kFrameWidth, area.height}, kFrame);
  fill(canvas, {area.x + area.width, area.y, kFrameWidth, area.height}, kFrame);
}

/// Writes `text` with its upper left corner at (left, top), as far as `width` goes.
void write(Picture& canvas, int left, int top, int width, int scale, std::string text) {
  struct Vertex {
    float x, y, z;
    std::array<std::uint8_t, 4> colour;
  };
  while (!text.empty() && stb_easy_font_width(text.data()) * scale > width)
    text.pop_back();
  std::vector<std::array<Vertex, 4>> quads(text.size() * 32 + 1);
  const int count = stb_easy_font_print(0, 0, text.data(), nullptr, quads.data(),
                                        static_cast<int>(quads.size() * sizeof(quads[0])));
  for (int i = 0; i < count; ++i) {
    const Vertex& from = quads[i][0];  // upper left
    const Vertex& to = quads[i][2];    // lower right
    fill(canvas,
         {left + static_cast<int>(from.x) * scale, top + static_cast<int>(from.y) * scale,
          static_cast<int>(to.x - from.x) * scale, static_cast<int>(to.y - from.y) * scale},
         kInk);
  }
}

/// Where the luma of two pictures differs most, in squares summed over a window of this size, on a grid of
/// half its size.
Rect hardest_place(const Picture& a, const Picture& b, int width, int height) {
  Rect worst{0, 0, width, height};
  double most = -1.0;
  for (int y = 0; y + height <= a.height; y += std::max(1, height / 2)) {
    for (int x = 0; x + width <= a.width; x += std::max(1, width / 2)) {
      const Rect area{x, y, width, height};
      const Plane from = luma_of(a, area), to = luma_of(b, area);
      double sum = 0.0;
      for (std::size_t i = 0; i < from.values.size(); ++i) {
        const double difference = double{from.values[i]} - double{to.values[i]};
        sum += difference * difference;
      }
      if (sum > most) {
        most = sum;
        worst = area;
      }
    }
  }
  return worst;
}

/// The picture, reduced by a whole factor: each pixel is the mean of factor x factor.
void draw_reduced(Picture& canvas, int left, int top, const Picture& picture, int factor) {
  for (int y = 0; y < picture.height / factor; ++y) {
    for (int x = 0; x < picture.width / factor; ++x) {
      std::array<int, 3> sum{};
      for (int j = 0; j < factor * factor; ++j) {
        const Rgb colour = colour_at(picture, x * factor + j % factor, y * factor + j / factor);
        for (std::size_t c = 0; c < 3; ++c)
          sum[c] += colour[c];
      }
      const int count = factor * factor;
      for (std::size_t c = 0; c < 3; ++c)
        canvas.at(left + x, top + y)[c] = static_cast<std::uint8_t>((sum[c] + count / 2) / count);
    }
  }
}

void draw_zoomed(Picture& canvas, int left, int top, const Picture& picture, const Rect& area) {
  for (int y = 0; y < area.height * kZoom; ++y) {
    for (int x = 0; x < area.width * kZoom; ++x)
      std::ranges::copy(colour_at(picture, area.x + x / kZoom, area.y + y / kZoom),
                        canvas.at(left + x, top + y));
  }
}

}  // namespace

Picture side_by_side(const std::vector<Panel>& panels) {
  const Picture& first = panels.front().picture;
  const Picture& last = panels.back().picture;
  const int factor = (first.width - 1) / kLargestPanel + 1;
  const int panel_width = std::max(1, first.width / factor);
  const int panel_height = std::max(1, first.height / factor);
  // The detail is as wide as the panel above it, and at most two thirds as high as wide.
  const int detail_width = std::max(1, panel_width / kZoom);
  const int detail_height = std::clamp(std::min(first.height, 2 * detail_width / 3), 1, first.height);
  const Rect detail = hardest_place(first, last, detail_width, detail_height);

  const int text_scale = std::max(1, panel_width / 192);
  const int text_height = kFontHeight * text_scale + kGap;

  const int columns = static_cast<int>(panels.size());
  const int column_width = std::max(panel_width, detail_width * kZoom);
  const int detail_top = kGap + text_height + panel_height + kGap;
  Picture canvas(columns * (column_width + kGap) + kGap, detail_top + detail_height * kZoom + kGap, 3);
  fill(canvas, {0, 0, canvas.width, canvas.height}, kBackground);
  int left = kGap;
  for (const Panel& panel : panels) {
    write(canvas, left, kGap, column_width, text_scale, panel.label);
    draw_reduced(canvas, left, kGap + text_height, panel.picture, factor);
    frame(canvas, {left + detail.x / factor, kGap + text_height + detail.y / factor, detail.width / factor,
                   detail.height / factor});
    draw_zoomed(canvas, left, detail_top, panel.picture, detail);
    left += column_width + kGap;
  }
  return canvas;
}

}  // namespace examples
