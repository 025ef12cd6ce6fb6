#include <cstring>
#include <new>

#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/memory.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

void check_pointer(const char* call, const void* data, std::size_t bytes) {
  if (data == nullptr) throw ArgumentError(message(call, ": ", bytes, " bytes at a null pointer"));
}

}  // namespace

Buffer::Buffer(Device device, std::size_t bytes) : bytes_(bytes), device_(device) {
  if (bytes == 0) return;
  switch (device.type()) {
    case Device::Type::cpu:
      data_ = ::operator new (bytes, std::align_val_t{kAlignment});
      return;
    case Device::Type::cuda:
      data_ = cuda::allocate(device.index(), bytes);
      return;
  }
}

Buffer::Buffer(std::shared_ptr<cuda::Stream> stream, Device device, std::size_t bytes)
    : bytes_(bytes), device_(device), stream_(std::move(stream)) {
  if (bytes != 0) data_ = cuda::allocate(*stream_, bytes);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (stream_ != nullptr) {
    cuda::release(*stream_, data_);
    return;
  }
  switch (device_.type()) {
    case Device::Type::cpu:
      ::operator delete (data_, std::align_val_t{kAlignment});
      return;
    case Device::Type::cuda:
      cuda::release(device_.index(), data_);
      return;
  }
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  check_pointer("copy_bytes", to, bytes);
  check_pointer("copy_bytes", from, bytes);
  if (to_device.is_cpu() && from_device.is_cpu()) {
    std::memcpy(to, from, bytes);
  } else {
    cuda::copy(to, to_device, from, from_device, bytes);
  }
}

void zero_bytes(void* data, Device device, std::size_t bytes) {
  if (bytes == 0) return;
  check_pointer("zero_bytes", data, bytes);
  switch (device.type()) {
    case Device::Type::cpu:
      std::memset(data, 0, bytes);
      return;
    case Device::Type::cuda:
      return cuda::zero(device.index(), data, bytes);
  }
}

}  // namespace upconv
