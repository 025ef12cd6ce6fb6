#include <ostream>

#include <unistd.h>

#include <upconv/framework/context.h>
#include <upconv/framework/cpu_threads.h>
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

std::string_view name_of(DType dtype, Precision precision) {
  if (dtype != DType::f32) return name_of(dtype);
  switch (precision) {
    case Precision::fp32:
      return name_of(dtype);
    case Precision::tf32:
      return name_of(precision);
  }
  return "invalid";
}

std::string ModuleName::to_string() const {
  return message(*this);
}

std::ostream& operator<<(std::ostream& out, ModuleName name) {
  out << name.type;
  return name.path.empty() ? out : out << " '" << name.path << '\'';
}

namespace {

std::shared_ptr<cuda::Stream> stream_for(const ExecutionContextOptions& options) {
  switch (options.device.type()) {
    case Device::Type::cpu:
      return nullptr;
    case Device::Type::cuda:
      return cuda::make_stream(options.device.index(), options.stream);
  }
  throw_invalid(options.device.type());
}

}  // namespace

ExecutionContext::ExecutionContext(ExecutionContextOptions options)
    : options_(std::move(options)),
      process_(getpid()),
      caps_(device_caps(options_.device)),
      stream_(stream_for(options_)),
      workspace_(options_.device, stream_) {
  if (name_of(options_.precision) == "invalid") {
    throw ArgumentError(message("Precision(", static_cast<int>(options_.precision),
                                ") is no precision: use one of the enumerators"));
  }
  if (options_.num_threads < 0) {
    throw ArgumentError(message("num_threads must be 0 (as many as the process may use) or more, got ",
                                options_.num_threads));
  }
  if (options_.stream != nullptr && options_.device.is_cpu()) {
    throw ArgumentError("a context on the CPU has no stream: use Device::cuda, or leave `stream` null");
  }
  if (options_.num_threads == 0) options_.num_threads = default_num_threads();
}

void ExecutionContext::check_process() const {
  if (stream_ == nullptr || process_ == getpid()) return;
  throw StateError(
      message("a context on ", options_.device,
              " was made before fork(), and CUDA does not work in the child: fork before CUDA is "
              "first used and make the context in the child, or start it with posix_spawn"));
}

void ExecutionContext::throw_moved_from() {
  throw StateError("this ExecutionContext was moved from: use the context that it was moved to");
}

void* ExecutionContext::stream() const {
  check_usable();
  return stream_ == nullptr ? nullptr : cuda::handle_of(*stream_);
}

void ExecutionContext::synchronize() const {
  check_usable();
  check_process();
  if (stream_ != nullptr) cuda::synchronize(*stream_);
}

void ExecutionContext::copy(TensorView to, ConstTensorView from) {
  check_usable();
  check_process();
  check_copy(to, from);
  for (const Device device : {to.device(), from.device()}) {
    if (device.is_cuda() && device != options_.device) {
      throw DeviceError(message("a context on ", options_.device, " cannot copy a tensor on ", device));
    }
  }
  if (to.device().is_cpu() && from.device().is_cpu()) return upconv::copy(to, from);
  if (from.numel() == 0 || overlap(to, from)) return;
  cuda::copy(*stream_, to.raw(), to.device(), from.raw(), from.device(), from.spec().bytes());
}

Buffer ExecutionContext::allocate(std::size_t bytes) const {
  check_usable();
  check_process();
  return stream_ == nullptr ? Buffer(options_.device, bytes) : Buffer(stream_, options_.device, bytes);
}

}  // namespace upconv
