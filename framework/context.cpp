#include <upconv/framework/context.h>
#include <upconv/framework/cuda_runtime.h>
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
    : options_(std::move(options)),
      caps_(device_caps(options_.device)),
      stream_(options_.device.is_cuda() ? cuda::make_stream(options_.device.index(), options_.stream)
                                        : nullptr),
      workspace_(options_.device, stream_) {
  if (options_.num_threads < 0) {
    throw ArgumentError(
        message("num_threads must be 0 (every hardware thread) or more, got ", options_.num_threads));
  }
  if (options_.stream != nullptr && options_.device.is_cpu()) {
    throw ArgumentError("a context on the CPU has no stream: use Device::cuda, or leave `stream` null");
  }
  if (options_.num_threads == 0) options_.num_threads = device_caps(Device::cpu()).multiprocessors;
}

void* ExecutionContext::stream() const {
  return stream_ == nullptr ? nullptr : cuda::handle_of(*stream_);
}

void ExecutionContext::synchronize() const {
  if (stream_ != nullptr) cuda::synchronize(*stream_);
}

void ExecutionContext::copy(TensorView to, ConstTensorView from) {
  check_copy(to.spec(), from.spec());
  for (const Device device : {to.device(), from.device()}) {
    if (device.is_cuda() && device != options_.device) {
      throw DeviceError(message("a context on ", options_.device, " cannot copy a tensor on ", device));
    }
  }
  if (to.device().is_cpu() && from.device().is_cpu()) return upconv::copy(to, from);
  if (from.numel() == 0) return;
  cuda::copy(*stream_, to.raw(), to.device(), from.raw(), from.device(), from.spec().bytes());
}

Buffer ExecutionContext::allocate(std::size_t bytes) const {
  return stream_ == nullptr ? Buffer(options_.device, bytes) : Buffer(stream_, options_.device, bytes);
}

}  // namespace upconv
