#include <hwy/highway.h>

namespace hwy {

/// What the compiler may assume of every CPU, and nothing more.
int64_t SupportedTargets() {
  return HWY_STATIC_TARGET;
}

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

}  // namespace hwy
