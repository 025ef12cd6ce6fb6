#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/profiler.h>

namespace upconv {

ProfilerRange::ProfilerRange(const char*) noexcept {}
ProfilerRange::~ProfilerRange() = default;

}  // namespace upconv

namespace upconv::cuda {

namespace {

[[noreturn]] void refuse(int index) {
  throw DeviceError(message("cuda:", index,
                            " is not available: this upconv was built without CUDA. Use the CPU, or "
                            "build with the CUDA toolkit installed and -DUPCONV_CUDA=ON"));
}

}  // namespace

/// There is never one, so what takes one is never called.
class Stream {};

int device_count() noexcept {
  return 0;
}
DeviceCaps device_caps(int index) {
  refuse(index);
}
void* allocate(int index, std::size_t) {
  refuse(index);
}
void release(int, void*) noexcept {}
void copy(void*, Device to, const void*, Device from, std::size_t) {
  refuse(to.is_cuda() ? to.index() : from.index());
}
void zero(int index, void*, std::size_t) {
  refuse(index);
}

std::shared_ptr<Stream> make_stream(int index, void*) {
  refuse(index);
}
void* handle_of(const Stream&) noexcept {
  return nullptr;
}
bool is_capturing(const Stream&) {
  return false;
}
void synchronize(const Stream&) {}
void* allocate(Stream&, std::size_t) {
  refuse(0);
}
void release(Stream&, void*) noexcept {}
void copy(Stream&, void*, Device, const void*, Device, std::size_t) {
  refuse(0);
}

}  // namespace upconv::cuda
