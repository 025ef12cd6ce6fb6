#include <upconv/framework/message.h>
#include <upconv/layers/image_hint.h>

namespace upconv {

std::string image_hint(const Shape& x, std::int64_t channels) {
  const int rank = x.rank();
  if (rank == 4 && x[1] != channels && x[3] == channels)
    return message(": its last dimension is ", channels, ": is it [N,H,W,C]? Images are [N,C,H,W] here");
  if (rank == 3 && x[0] != channels && x[2] == channels)
    return message(": its last dimension is ", channels,
                   ": is it [H,W,C]? Images are [C,H,W] or [N,C,H,W] here");
  if (rank == 3 && x[0] == channels) {
    return message(": the batch dimension is missing: x.view().reshape({1, ", x[0], ", ", x[1], ", ", x[2],
                   "})");
  }
  if (rank == 3) {
    return message(": three dimensions are one image [C,H,W]",
                   channels == 1 ? ", a batch of images with one channel is [N,1,H,W]" : "");
  }
  if (rank == 2 && channels == 1) {
    return message(": the batch and channel dimensions are missing: x.view().reshape({1, 1, ", x[0], ", ",
                   x[1], "})");
  }
  if (rank == 2) return message(": an image of ", channels, " channels is [N,C,H,W]");
  return {};
}

}  // namespace upconv
