#pragma once

#include <cstddef>
#include <utility>

#include <upconv/framework/device.h>

namespace upconv {

/// Owns a block of memory on a device, aligned to at least kAlignment bytes; its contents start undefined.
/// Throws: std::bad_alloc on the host, CudaError on a GPU, when the memory cannot be had.
class Buffer {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, and the widest SIMD vector of x86-64

  Buffer() = default;
  Buffer(Device device, std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
};

/// Copies between any two devices and returns when the bytes have arrived. Throws: CudaError.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);

/// Sets bytes to zero and returns when that is done. Throws: CudaError.
void zero_bytes(void* data, Device device, std::size_t bytes);

}  // namespace upconv
