#include <upconv/framework/version.h>

namespace upconv {

// CMake defines UPCONV_VERSION* from what project() says.
static_assert(kVersion == Version{UPCONV_VERSION_NUMBERS},
              "framework/version.h and project(... VERSION) in CMakeLists.txt must name the same version");

std::string_view version() {
  return UPCONV_VERSION;
}

}  // namespace upconv
