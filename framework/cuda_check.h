#pragma once

#include <cstddef>
#include <string>

#include <cuda_runtime_api.h>

/// For the files that call CUDA: error checks and the current device. Internal: not installed.
namespace upconv::cuda {

/// Throws CudaError unless `status` is cudaSuccess: names the call, CUDA's own words, and the remedy if there
/// is one.
void check(cudaError_t status, const char* call);
/// As check, for a call that was asked for memory: exhaustion names the bytes asked for and the bytes free.
void check_allocation(cudaError_t status, const char* call, int index, std::size_t bytes);

/// Why device `index` cannot be used, and what to do: `status` is what CUDA said, the versions are those of
/// the driver (0 if there is none) and of the runtime that this build is linked to, as CUDA counts them.
std::string why_unavailable(int index, cudaError_t status, int driver_version, int runtime_version);

/// Makes a device current for a scope and restores the caller's after it.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) {
    check(cudaGetDevice(&previous_), "cudaGetDevice");
    if (previous_ == index) return;
    check(cudaSetDevice(index), "cudaSetDevice");
    changed_ = true;
  }
  ~DeviceGuard() {
    if (changed_) cudaSetDevice(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

}  // namespace upconv::cuda
