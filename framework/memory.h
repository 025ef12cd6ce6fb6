#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <upconv/framework/device.h>

namespace upconv {

namespace cuda {
class Stream;  // a context's stream and memory pool; the framework's own
}

/// Owns a block of memory on a device, aligned to at least kAlignment bytes; its contents start undefined. On
/// the host, blocks of 4 MB and more ask the kernel for its large pages, which are touched first in a
/// fraction of the time. Throws: std::bad_alloc on the host, CudaError on a GPU, when the memory cannot be
/// had.
class Buffer {
 public:
  /// Alignment in bytes: a cache line, and the widest SIMD vector of x86-64.
  static constexpr std::size_t kAlignment = 64;

  Buffer() = default;  ///< No memory: `data()` is null.
  /// GPU memory of this kind belongs to no stream: its release waits until the device is idle.
  Buffer(Device device, std::size_t bytes);
  /// GPU memory from a stream's pool: the stream may use it at once, and its release takes effect where the
  /// stream is then, so that work given to the stream before keeps its memory and nothing waits.
  Buffer(std::shared_ptr<cuda::Stream> stream, Device device, std::size_t bytes);
  ~Buffer();
  /// A buffer that was moved from holds nothing, and what the target of an assignment held is released.
  Buffer(Buffer&& other) noexcept { swap(other); }
  /// Takes the memory over; what this held, `other` releases.
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    swap(moved);
    return *this;
  }

  /// The memory, which on a GPU the host cannot read; null if there is none.
  void* data() const { return data_; }
  /// Size of the block.
  std::size_t bytes() const { return bytes_; }
  /// Where the block lies.
  Device device() const { return device_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
    std::swap(stream_, other.stream_);
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  std::shared_ptr<cuda::Stream> stream_;  // null: memory of no stream
};

/// Copies between any two devices and returns when the bytes have arrived. On a GPU it first waits for all
/// that is in flight, so no result is read too early. Throws: ArgumentError on a null pointer; CudaError.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);

/// Sets bytes to zero and returns when that is done. Throws: ArgumentError on a null pointer; CudaError.
void zero_bytes(void* data, Device device, std::size_t bytes);

}  // namespace upconv
