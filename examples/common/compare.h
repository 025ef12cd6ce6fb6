#pragma once

#include <string>
#include <vector>

#include "common/picture.h"

namespace examples {

/// One of the pictures to be compared, and the words that stand above it.
struct Panel {
  const Picture& picture;
  std::string label;
};

/// Pictures of one size beside each other: in the upper row each as a whole (reduced by a whole factor if it
/// is wider than 1024 pixels), in the lower row a detail enlarged six times without smoothing. The detail
/// is where the first picture is furthest from the last: for bicubic first and the original last, the place
/// that is hardest. Alpha is left out.
Picture side_by_side(const std::vector<Panel>& panels);

}  // namespace examples
