#include "common/kernel_log.h"

#include <algorithm>

namespace examples {

std::function<void(const upconv::TraceEvent&)> KernelLog::sink() {
  return [this](const upconv::TraceEvent& event) {
    auto kernel = std::ranges::find(kernels_, event.kernel,
                                    [](const auto& entry) { return std::string_view(entry.first); });
    if (kernel == kernels_.end()) kernel = kernels_.insert(kernel, {std::string(event.kernel), {}});
    const std::string_view layer = event.layer.path;
    if (std::ranges::find(kernel->second, layer) == kernel->second.end()) kernel->second.emplace_back(layer);
  };
}

std::vector<std::string> KernelLog::lines() const {
  std::vector<std::string> lines;
  for (const auto& [kernel, layers] : kernels_) {
    std::string line = kernel + " (";
    for (const std::string& layer : layers)
      line += (layer == layers.front() ? "" : ", ") + layer;
    lines.push_back(line + ')');
  }
  return lines;
}

}  // namespace examples
