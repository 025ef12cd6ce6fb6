#include <string>

#include <cuda_runtime.h>

#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::cuda {

namespace {

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // a sticky error would be blamed on the next call
  throw CudaError(
      message(call, " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ')'));
}

/// Makes `index` current for a scope and restores the caller's device after it.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) {
    check(cudaGetDevice(&previous_), "cudaGetDevice");
    check(cudaSetDevice(index), "cudaSetDevice");
  }
  ~DeviceGuard() { cudaSetDevice(previous_); }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
};

/// A stream of its own, so that nothing runs on, or waits for, the default stream.
class CopyStream {
 public:
  CopyStream() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  ~CopyStream() { cudaStreamDestroy(stream_); }
  CopyStream(const CopyStream&) = delete;
  CopyStream& operator=(const CopyStream&) = delete;

  cudaStream_t get() const { return stream_; }
  void wait() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace

int device_count() noexcept {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

DeviceCaps device_caps(int index) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw DeviceError(message("cuda:", index, " is not available: ", cudaGetErrorString(status),
                              ". Install or update the NVIDIA driver, or use the CPU"));
  }
  if (index < 0 || index >= count) {
    throw DeviceError(message("cuda:", index, " is not available: this process sees ", count,
                              " CUDA device(s). Choose a lower index, or check CUDA_VISIBLE_DEVICES"));
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  DeviceCaps caps;
  caps.type = Device::Type::cuda;
  caps.name = properties.name;
  caps.compute_capability = 10 * properties.major + properties.minor;
  caps.multiprocessors = properties.multiProcessorCount;
  caps.shared_memory_per_block = properties.sharedMemPerBlockOptin;
  caps.memory_bytes = properties.totalGlobalMem;
  return caps;
}

void* allocate(int index, std::size_t bytes) {
  const DeviceGuard guard(index);
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
    throw CudaError(message("out of memory on cuda:", index, ": asked for ", bytes, " bytes, ", free_bytes,
                            " of ", total_bytes, " are free"));
  }
  check(status, "cudaMalloc");
  return data;
}

void release(int index, void* data) noexcept {
  int previous = 0;
  if (cudaGetDevice(&previous) != cudaSuccess) return;
  cudaSetDevice(index);
  cudaFree(data);
  cudaSetDevice(previous);
}

void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  const DeviceGuard guard(to_device.is_cuda() ? to_device.index() : from_device.index());
  const CopyStream stream;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream.get()), "cudaMemcpyAsync");
  stream.wait();
}

void zero(int index, void* data, std::size_t bytes) {
  const DeviceGuard guard(index);
  const CopyStream stream;
  check(cudaMemsetAsync(data, 0, bytes, stream.get()), "cudaMemsetAsync");
  stream.wait();
}

}  // namespace upconv::cuda
