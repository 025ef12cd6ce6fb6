#include <cstring>
#include <new>

#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/memory.h>

namespace upconv {

Buffer::Buffer(Device device, std::size_t bytes) : bytes_(bytes), device_(device) {
  if (bytes == 0) return;
  data_ = device.is_cuda() ? cuda::allocate(device.index(), bytes)
                           : ::operator new (bytes, std::align_val_t{kAlignment});
}

Buffer::Buffer(std::shared_ptr<cuda::Stream> stream, Device device, std::size_t bytes)
    : bytes_(bytes), device_(device), stream_(std::move(stream)) {
  if (bytes != 0) data_ = cuda::allocate(*stream_, bytes);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (stream_ != nullptr) {
    cuda::release(*stream_, data_);
  } else if (device_.is_cuda()) {
    cuda::release(device_.index(), data_);
  } else {
    ::operator delete (data_, std::align_val_t{kAlignment});
  }
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  if (to_device.is_cpu() && from_device.is_cpu()) {
    std::memcpy(to, from, bytes);
  } else {
    cuda::copy(to, to_device, from, from_device, bytes);
  }
}

void zero_bytes(void* data, Device device, std::size_t bytes) {
  if (bytes == 0) return;
  if (device.is_cpu()) {
    std::memset(data, 0, bytes);
  } else {
    cuda::zero(device.index(), data, bytes);
  }
}

}  // namespace upconv
