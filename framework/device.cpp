#include <charconv>
#include <ostream>

#include <upconv/framework/cpu_threads.h>
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
  switch (type_) {
    case Type::cpu:
      return "cpu";
    case Type::cuda:
      return message("cuda:", index_);
  }
  return "invalid";
}

void throw_invalid(Device::Type type) {
  throw DeviceError(message("Device::Type(", static_cast<int>(type),
                            ") is no device: use Device::cpu() or Device::cuda()"));
}

std::ostream& operator<<(std::ostream& out, Device device) {
  return out << device.to_string();
}

int cuda_device_count() {
  return cuda::device_count();
}

namespace {

DeviceCaps cpu_caps() {
  DeviceCaps caps;
  caps.name = "cpu";
  caps.multiprocessors = usable_cores();
  return caps;
}

}  // namespace

DeviceCaps device_caps(Device device) {
  switch (device.type()) {
    case Device::Type::cpu:
      return cpu_caps();
    case Device::Type::cuda:
      return cuda::device_caps(device.index());
  }
  throw_invalid(device.type());
}

}  // namespace upconv
