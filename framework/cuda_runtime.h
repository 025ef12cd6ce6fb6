#pragma once

#include <cstddef>

#include <upconv/framework/device.h>

/// What the framework asks of CUDA. cuda_runtime.cpp implements it over the CUDA runtime, no_cuda.cpp answers
/// for a build without it; exactly one of them is compiled. Internal: not installed.
namespace upconv::cuda {

/// Usable devices; 0 where there is no driver or GPU. Never throws.
int device_count() noexcept;
/// Throws: DeviceError naming why the device cannot be used and what to do.
DeviceCaps device_caps(int index);
/// Throws: CudaError; on exhaustion it names the bytes asked for and the bytes free.
void* allocate(int index, std::size_t bytes);
void release(int index, void* data) noexcept;
/// Copies and waits. Either side may be on the host. Throws: CudaError.
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
/// Zeroes device memory and waits. Throws: CudaError.
void zero(int index, void* data, std::size_t bytes);

}  // namespace upconv::cuda
