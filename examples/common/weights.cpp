#include "common/weights.h"

#include <stdexcept>
#include <system_error>

namespace examples {

namespace fs = std::filesystem;

std::vector<fs::path> weight_places(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {fs::path("weights") / name};
  const fs::path folder = program.parent_path();
  return {folder / "weights" / name, (folder / "../share/upconv" / name).lexically_normal()};
}

fs::path find_weights(const std::string& name) {
  std::string looked;
  for (const fs::path& place : weight_places(name)) {
    std::error_code ignored;
    if (fs::exists(place, ignored)) return place;
    looked += "\n  " + place.string();
  }
  throw std::runtime_error("the weights are not found; name the file with --weights. Looked for:" + looked);
}

}  // namespace examples
