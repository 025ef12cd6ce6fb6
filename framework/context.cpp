#include <upconv/framework/context.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv {

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
  }
  return "invalid";
}

ExecutionContext::ExecutionContext(ExecutionContextOptions options)
    : options_(std::move(options)), caps_(device_caps(options_.device)), workspace_(options_.device) {
  if (options_.num_threads < 0) {
    throw ArgumentError(
        message("num_threads must be 0 (every hardware thread) or more, got ", options_.num_threads));
  }
  if (options_.num_threads == 0) options_.num_threads = device_caps(Device::cpu()).multiprocessors;
}

}  // namespace upconv
