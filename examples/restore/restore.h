#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/picture.h"
#include "restore/restorer.h"

namespace restore {

using examples::Picture;

/// A network that restores pictures, ready to run on one device. Use from one thread.
class PreparedRestorer {
 public:
  /// `net` has its weights; `dtype` is f32, f16 or bf16, for weights and activations alike. Keeps a reference
  /// to `ctx`. Throws: what upconv::Module::prepare throws.
  PreparedRestorer(Restorer net, upconv::DType dtype, upconv::ExecutionContext& ctx);

  /// RGB [1,3,H,W] in f32 on the CPU, to the same.
  upconv::Tensor operator()(const upconv::Tensor& rgb) const;
  /// The plan for a picture of this size.
  std::string explain(int width, int height) const;

 private:
  Restorer net_;
  upconv::DType dtype_;
  upconv::ExecutionContext& ctx_;
};

/// Restores RGB [1,3,H,W] in [0, 1]. Must not depend on pixels further away than RestoreOptions::overlap.
using RestoreRgb = std::function<upconv::Tensor(const upconv::Tensor& rgb)>;

struct RestoreOptions {
  int tile = 512;        ///< Largest side of a tile; rounded down to a multiple of kGrid.
  int overlap = kReach;  ///< What is read around a tile, a multiple of kGrid; see examples::plan_tiles.
  /// Told after each tile how many pixels are done: restored, and where the tile is the last of its row,
  /// taken as well.
  std::function<void(std::int64_t pixels)> on_progress = {};
};

/// Takes the next rows of the restored picture, from the top.
using TakeRows = std::function<void(const Picture& rows)>;

/// Restores a picture, tile by tile, and gives it away row of tiles by row of tiles, so that beside the
/// picture only these rows and one tile's activations stand in memory. Of a grey picture all three channels
/// are the grey, and the result is the luma of theirs; alpha is kept as it is.
void restore(const Picture& picture, const RestoreRgb& network, const RestoreOptions& options,
             const TakeRows& take_rows);
/// The same, as one picture.
Picture restore(const Picture& picture, const RestoreRgb& network, const RestoreOptions& options);

}  // namespace restore
