#pragma once

#include <cstddef>
#include <memory>

#include <upconv/framework/device.h>

/// What the framework asks of CUDA. cuda_runtime.cpp and cuda_stream.cpp implement it over the CUDA runtime,
/// no_cuda.cpp answers for a build without it. Internal: not installed.
namespace upconv::cuda {

/// Usable devices; 0 where there is no driver or GPU. Never throws.
int device_count() noexcept;
/// Throws: DeviceError naming why the device cannot be used and what to do.
DeviceCaps device_caps(int index);

/// Memory that belongs to no stream. Throws: CudaError; on exhaustion it names the bytes asked for and free.
void* allocate(int index, std::size_t bytes);
/// Waits for the device, so that no kernel in flight loses its memory.
void release(int index, void* data) noexcept;
/// Waits for everything in flight on the devices involved, copies, and waits for the copy. Either side may be
/// on the host; from one GPU to another it goes through the host. Throws: CudaError.
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
/// Zeroes device memory, with the same waits as copy. Throws: CudaError.
void zero(int index, void* data, std::size_t bytes);

/// A context's stream with its memory pool and its pinned staging buffers. Used by one thread at a time,
/// except for `release`. Tensors keep it alive.
class Stream;

/// `borrowed` is a cudaStream_t of device `index`, or null to make one. Throws: DeviceError, CudaError.
std::shared_ptr<Stream> make_stream(int index, void* borrowed);
/// The cudaStream_t.
void* handle_of(const Stream& stream) noexcept;
/// True while the stream's work is being recorded into a CUDA graph.
bool is_capturing(const Stream& stream);
/// Waits for the stream. Throws: CudaError, also for what failed in an earlier kernel.
void synchronize(const Stream& stream);
/// Memory whose first use and release are ordered by the stream. Throws: StateError while capturing;
/// CudaError as `allocate` above.
void* allocate(Stream& stream, std::size_t bytes);
void release(Stream& stream, void* data) noexcept;
/// Copies in stream order. Host memory is staged through pinned buffers: it may be changed, or read, as soon
/// as this returns. Throws: StateError while capturing, if a side is on the host; CudaError.
void copy(Stream& stream, void* to, Device to_device, const void* from, Device from_device,
          std::size_t bytes);

}  // namespace upconv::cuda
