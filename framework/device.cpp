#include <algorithm>
#include <charconv>
#include <ostream>
#include <thread>

#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/device.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv {

Device Device::parse(std::string_view text) {
  if (text == "cpu") return cpu();
  if (text == "cuda") return cuda(0);
  constexpr std::string_view kPrefix = "cuda:";
  if (text.starts_with(kPrefix)) {
    int index = -1;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + kPrefix.size(), end, index);
    if (error == std::errc{} && stop == end && index >= 0) return cuda(index);
  }
  throw ArgumentError(message("unknown device '", text, "': use cpu, cuda or cuda:<index>"));
}

std::string Device::to_string() const {
  return is_cpu() ? std::string("cpu") : message("cuda:", index_);
}

std::ostream& operator<<(std::ostream& out, Device device) {
  return out << device.to_string();
}

int cuda_device_count() {
  return cuda::device_count();
}

DeviceCaps device_caps(Device device) {
  if (device.is_cuda()) return cuda::device_caps(device.index());
  DeviceCaps caps;
  caps.name = "cpu";
  caps.multiprocessors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return caps;
}

}  // namespace upconv
