#include "restore/restore.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "common/color.h"
#include "common/tiled.h"

namespace restore {

using examples::Rect;
using examples::Tile;
using upconv::Tensor;

namespace {

/// A part of a picture as [1,3,H,W] in [0, 1].
Tensor rgb_of(const Picture& picture, const Rect& area) {
  Tensor tensor = Tensor::empty({1, 3, area.height, area.width});
  float* to = tensor.data<float>().data();
  for (int channel = 0; channel < 3; ++channel) {
    const int from = picture.has_colour() ? channel : 0;
    for (int y = 0; y < area.height; ++y) {
      const std::uint8_t* pixel = picture.at(area.x, area.y + y) + from;
      for (int x = 0; x < area.width; ++x, pixel += picture.channels)
        *to++ = static_cast<float>(*pixel) / 255.0f;
    }
  }
  return tensor;
}

/// Writes the inner part of what was computed for a tile's window into `rows`, which begin with the tile.
void put_inner(Picture& rows, const Tile& tile, const Tensor& rgb) {
  const std::span<const float> values = rgb.data<float>();
  const std::size_t width = static_cast<std::size_t>(tile.window.width);
  const std::size_t plane = width * static_cast<std::size_t>(tile.window.height);
  for (int y = 0; y < tile.inner.height; ++y) {
    std::uint8_t* pixel = rows.at(tile.inner.x, y);
    std::size_t i = static_cast<std::size_t>(tile.inner.y - tile.window.y + y) * width +
                    static_cast<std::size_t>(tile.inner.x - tile.window.x);
    for (int x = 0; x < tile.inner.width; ++x, ++i, pixel += rows.channels) {
      const float red = values[i], green = values[plane + i], blue = values[2 * plane + i];
      if (rows.has_colour()) {
        pixel[0] = examples::to_byte(255.0f * red);
        pixel[1] = examples::to_byte(255.0f * green);
        pixel[2] = examples::to_byte(255.0f * blue);
      } else {
        pixel[0] = examples::grey_of(0.299f * red + 0.587f * green + 0.114f * blue);
      }
    }
  }
}

}  // namespace

PreparedRestorer::PreparedRestorer(Restorer net, upconv::DType dtype, upconv::ExecutionContext& ctx)
    : net_(std::move(net)), dtype_(dtype), ctx_(ctx) {
  net_.to(dtype);
  net_.prepare(ctx);
}

Tensor PreparedRestorer::operator()(const Tensor& rgb) const {
  const Tensor y = net_(rgb.to(dtype_).to(ctx_.device()), ctx_);
  return y.to(upconv::Device::cpu()).to(upconv::DType::f32);
}

std::string PreparedRestorer::explain(int width, int height) const {
  return net_.explain({.shape = {1, 3, height, width}, .dtype = dtype_, .device = ctx_.device()}, ctx_);
}

void restore(const Picture& picture, const RestoreRgb& network, const RestoreOptions& options,
             const TakeRows& take_rows) {
  const int side = options.tile - options.tile % kGrid;
  Picture rows;  // those of one row of tiles
  std::int64_t done = 0;
  for (const Tile& tile : examples::plan_tiles(picture.width, picture.height, side, options.overlap, kGrid)) {
    if (tile.inner.x == 0) {
      rows = Picture(picture.width, tile.inner.height, picture.channels);
      const std::uint8_t* first = picture.at(0, tile.inner.y);
      std::copy_n(first, rows.pixels.size(), rows.pixels.begin());  // alpha stays
    }
    put_inner(rows, tile, network(rgb_of(picture, tile.window)));
    if (tile.inner.x + tile.inner.width == picture.width) take_rows(rows);
    done += std::int64_t{tile.inner.width} * tile.inner.height;
    if (options.on_progress) options.on_progress(done);
  }
}

Picture restore(const Picture& picture, const RestoreRgb& network, const RestoreOptions& options) {
  Picture result(picture.width, 0, picture.channels);
  result.pixels.reserve(picture.pixels.size());
  restore(picture, network, options, [&](const Picture& rows) { result.append(rows); });
  return result;
}

}  // namespace restore
