#include "upscale/enlarge.h"

#include "common/color.h"
#include "common/tiled.h"
#include "upscale/bicubic.h"

namespace upscale {

namespace {

/// Calls put(pixel, index) for each pixel of `area` of the picture; index counts them row by row.
template <class Put>
void for_each_pixel(Picture& picture, const Rect& area, int num_threads, const Put& put) {
#pragma omp parallel for num_threads(num_threads)
  for (int y = 0; y < area.height; ++y) {
    std::uint8_t* pixel = picture.at(area.x, area.y + y);
    std::size_t index = static_cast<std::size_t>(y) * static_cast<std::size_t>(area.width);
    for (int x = 0; x < area.width; ++x, pixel += picture.channels)
      put(pixel, index++);
  }
}

}  // namespace

void enlarge(const Picture& small, const EnlargeLuma& luma, const EnlargeOptions& options,
             const TakeRows& take_rows) {
  const auto bicubic = [&](const Plane& window, const examples::Tile& tile) {
    return cut_inner(bicubic_x2(window, options.num_threads), tile, kScale);
  };

  Picture rows;  // of the enlarged picture: those of one row of tiles
  std::int64_t done = 0;
  for (const examples::Tile& tile :
       examples::plan_tiles(small.width, small.height, options.tile, options.overlap)) {
    const Rect whole = tile.inner.enlarged(kScale);
    const Rect area = {whole.x, 0, whole.width, whole.height};  // in `rows`
    if (tile.inner.x == 0 && rows.height != area.height)
      rows = Picture(small.width * kScale, area.height, small.channels);
    const Plane y = cut_inner(luma(luma_of(small, tile.window)), tile, kScale);
    if (options.on_luma) options.on_luma(whole, y);

    if (small.has_colour()) {
      const examples::Chroma chroma = chroma_of(small, tile.window);
      const Plane cb = bicubic(chroma.cb, tile);
      const Plane cr = bicubic(chroma.cr, tile);
      for_each_pixel(rows, area, options.num_threads, [&](std::uint8_t* pixel, std::size_t i) {
        const auto rgb = examples::rgb_of(y.values[i], cb.values[i], cr.values[i]);
        pixel[0] = rgb[0];
        pixel[1] = rgb[1];
        pixel[2] = rgb[2];
      });
    } else {
      for_each_pixel(rows, area, options.num_threads,
                     [&](std::uint8_t* pixel, std::size_t i) { *pixel = examples::grey_of(y.values[i]); });
    }
    if (small.has_alpha()) {
      const Plane alpha = bicubic(alpha_of(small, tile.window), tile);
      const int last = rows.channels - 1;
      for_each_pixel(rows, area, options.num_threads, [&](std::uint8_t* pixel, std::size_t i) {
        pixel[last] = examples::to_byte(alpha.values[i]);
      });
    }

    if (tile.inner.x + tile.inner.width == small.width) take_rows(rows);
    done += std::int64_t{tile.inner.width} * tile.inner.height;
    if (options.on_progress) options.on_progress(done);
  }
}

Picture enlarge(const Picture& small, const EnlargeLuma& luma, const EnlargeOptions& options) {
  Picture large(small.width * kScale, 0, small.channels);
  large.pixels.reserve(small.pixels.size() * kScale * kScale);
  enlarge(small, luma, options, [&](const Picture& rows) { large.append(rows); });
  return large;
}

}  // namespace upscale
