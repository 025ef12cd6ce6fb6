#include "common/tiled.h"

#include <algorithm>

namespace examples {

namespace {

/// One axis of a tile: inner part [begin, end), window [from, to).
struct Span {
  int begin, end, from, to;
};

std::vector<Span> cut(int size, int tile, int overlap, int grid) {
  const int count = (size - 1) / tile + 1;
  const int units = (size - 1) / grid + 1;
  const auto edge = [&](int i) {
    return i == count ? size : grid * static_cast<int>(static_cast<long long>(units) * i / count);
  };
  std::vector<Span> spans;
  for (int i = 0; i < count; ++i) {
    const int begin = edge(i), end = edge(i + 1);
    spans.push_back({begin, end, std::max(0, begin - overlap), end + std::min(overlap, size - end)});
  }
  return spans;
}

}  // namespace

std::vector<Tile> plan_tiles(int width, int height, int tile, int overlap, int grid) {
  std::vector<Tile> tiles;
  const std::vector<Span> columns = cut(width, tile, overlap, grid);
  for (const Span& v : cut(height, tile, overlap, grid)) {
    for (const Span& h : columns) {
      tiles.push_back({.inner = {h.begin, v.begin, h.end - h.begin, v.end - v.begin},
                       .window = {h.from, v.from, h.to - h.from, v.to - v.from}});
    }
  }
  return tiles;
}

Plane cut_inner(const Plane& window, const Tile& tile, int factor) {
  const Rect inner = tile.inner.enlarged(factor);
  const Rect outer = tile.window.enlarged(factor);
  Plane result(inner.width, inner.height);
  for (int y = 0; y < inner.height; ++y)
    std::copy_n(window.row(inner.y - outer.y + y) + (inner.x - outer.x), inner.width, result.row(y));
  return result;
}

}  // namespace examples
