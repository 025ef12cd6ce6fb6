#pragma once

#include <vector>

#include "upscale/plane.h"

namespace upscale {

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
std::vector<Tile> plan_tiles(int width, int height, int tile, int overlap);

/// Of a plane that covers the tile's window enlarged, the part that covers the inner rectangle enlarged.
Plane cut_inner(const Plane& window, const Tile& tile);

}  // namespace upscale
