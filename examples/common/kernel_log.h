#pragma once

#include <string>
#include <utility>
#include <vector>

#include <upconv/framework/context.h>

namespace examples {

/// Remembers which kernels ran. Give `log.sink()` to a context as its trace; the log must outlive it.
class KernelLog {
 public:
  std::function<void(const upconv::TraceEvent&)> sink();
  /// Each kernel once, with the layers that it ran: "cpu.direct (feature, shrink)".
  std::vector<std::string> lines() const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> kernels_;  // kernel -> layers, in order seen
};

}  // namespace examples
