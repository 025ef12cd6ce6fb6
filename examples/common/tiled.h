#pragma once

#include <vector>

#include "common/plane.h"

namespace examples {

/// One piece of a picture: `window` is what is read, `inner` the part of it whose result is kept.
struct Tile {
  Rect inner;
  Rect window;
};

/// Cuts a picture into tiles of nearly equal size, at most `tile` x `tile` each. The inner parts cover every
/// pixel once; a window is its inner part and `overlap` pixels more on every side, as far as the picture
/// goes.
///
/// An operation that reads at most `overlap` pixels around a pixel thus gives the same in a tile as in the
/// whole picture: where a window ends inside the picture, what the operation assumes beyond (zeros, say)
/// reaches at most `overlap` pixels deep and is cut off; where it ends with the picture, nothing is cut off
/// and the operation meets the true border.
///
/// Where tiles meet, inner parts begin at multiples of `grid`, which divides `tile`. If it divides `overlap`
/// too, so do windows: what an operation that halves a picture sees of its neighbours is then the same as
/// well.
std::vector<Tile> plan_tiles(int width, int height, int tile, int overlap, int grid = 1);

/// Of a plane that covers the tile's window enlarged `factor` times, the part that covers the inner rectangle
/// enlarged.
Plane cut_inner(const Plane& window, const Tile& tile, int factor);

}  // namespace examples
