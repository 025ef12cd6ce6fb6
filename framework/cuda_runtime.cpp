#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <upconv/framework/cuda_check.h>
#include <upconv/framework/cuda_runtime.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::cuda {

namespace {

/// What the user can do about an error, or "".
std::string remedy_for(cudaError_t status) {
  switch (status) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion: {
      int index = 0, major = 0, minor = 0;
      const bool known =
          cudaGetDevice(&index) == cudaSuccess &&
          cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) == cudaSuccess &&
          cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index) == cudaSuccess;
      cudaGetLastError();
      return message(": this build of upconv holds no code for this GPU",
                     known
                         ? message(" (compute capability ", major, '.', minor, "): rebuild with ",
                                   "-DCMAKE_CUDA_ARCHITECTURES=", major, minor)
                         : std::string(": rebuild with -DCMAKE_CUDA_ARCHITECTURES=<its compute capability>"));
    }
    case cudaErrorInitializationError:
      return ": in a child of fork() CUDA does not work if its parent used it: fork before CUDA is first "
             "used, "
             "or start the child with posix_spawn";
    case cudaErrorInsufficientDriver:
      return ": install or update the NVIDIA driver, or use the CPU";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorAssert:
      return ": a kernel that ran earlier on this device is at fault; CUDA is unusable until the process "
             "ends";
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
      return ": not possible while a CUDA graph is being captured";
    default:
      return {};
  }
}

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

/// Waits for every stream of the device, whoever made it.
void wait_for(Device device) {
  if (device.is_cpu()) return;
  const DeviceGuard guard(device.index());
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

/// Between two GPUs: a stream's pool is mapped on its own GPU only, and not every pair of GPUs sees each
/// other.
void copy_through_host(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  constexpr std::size_t kChunkBytes = std::size_t{16} << 20;
  std::vector<std::byte> host(std::min(bytes, kChunkBytes));
  for (std::size_t done = 0; done < bytes; done += host.size()) {
    const std::size_t count = std::min(host.size(), bytes - done);
    copy(host.data(), Device::cpu(), static_cast<const std::byte*>(from) + done, from_device, count);
    copy(static_cast<std::byte*>(to) + done, to_device, host.data(), Device::cpu(), count);
  }
}

/// Throws: DeviceError unless the device is there, with the reason and the remedy.
void require_device(int index) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    cudaGetLastError();
    throw DeviceError(
        why_unavailable(index, status == cudaSuccess ? cudaErrorNoDevice : status, driver, runtime));
  }
  if (index < 0 || index >= count) {
    throw DeviceError(message("cuda:", index, " is not available: this process sees ", count,
                              " CUDA device(s). Choose a lower index, or check CUDA_VISIBLE_DEVICES"));
  }
}

}  // namespace

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or it would be blamed on the next call
  throw CudaError(message(call, " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ')',
                          remedy_for(status)));
}

void check_allocation(cudaError_t status, const char* call, int index, std::size_t bytes) {
  if (status != cudaErrorMemoryAllocation) return check(status, call);
  cudaGetLastError();
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  throw CudaError(message("out of memory on cuda:", index, ": asked for ", bytes, " bytes, ", free_bytes,
                          " of ", total_bytes, " are free"));
}

std::string why_unavailable(int index, cudaError_t status, int driver_version, int runtime_version) {
  const auto version = [](int v) { return message(v / 1000, '.', v % 1000 / 10); };
  const std::string where = message("cuda:", index, " is not available: ");
  if (status == cudaErrorNoDevice) {
    return message(where, "this process sees no CUDA device. Check nvidia-smi and CUDA_VISIBLE_DEVICES, or ",
                   "use the CPU");
  }
  if (driver_version == 0)
    return message(where, "there is no NVIDIA driver on this machine. Install it, or use the CPU");
  if (status == cudaErrorInsufficientDriver || driver_version / 1000 < runtime_version / 1000) {
    return message(where, "the NVIDIA driver supports CUDA ", version(driver_version),
                   ", this build needs CUDA ", version(runtime_version),
                   ". Update the driver, or use the CPU");
  }
  return message(where, cudaGetErrorString(status), " (", cudaGetErrorName(status),
                 "). Check nvidia-smi, or use the CPU");
}

int device_count() noexcept {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

DeviceCaps device_caps(int index) {
  require_device(index);
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
  require_device(index);
  const DeviceGuard guard(index);
  void* data = nullptr;
  check_allocation(cudaMalloc(&data, bytes), "cudaMalloc", index, bytes);
  return data;
}

void release(int index, void* data) noexcept {
  int previous = 0;
  if (cudaGetDevice(&previous) != cudaSuccess) return;
  cudaSetDevice(index);
  cudaDeviceSynchronize();
  cudaFree(data);
  cudaSetDevice(previous);
}

void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (to_device.is_cuda() && from_device.is_cuda() && to_device != from_device)
    return copy_through_host(to, to_device, from, from_device, bytes);
  wait_for(from_device);
  if (to_device != from_device) wait_for(to_device);
  const DeviceGuard guard(to_device.is_cuda() ? to_device.index() : from_device.index());
  const CopyStream stream;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream.get()), "cudaMemcpyAsync");
  stream.wait();
}

void zero(int index, void* data, std::size_t bytes) {
  wait_for(Device::cuda(index));
  const DeviceGuard guard(index);
  const CopyStream stream;
  check(cudaMemsetAsync(data, 0, bytes, stream.get()), "cudaMemsetAsync");
  stream.wait();
}

}  // namespace upconv::cuda
