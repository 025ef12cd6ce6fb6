#pragma once

#include <cuda_runtime_api.h>

#include <upconv/framework/context.h>
#include <upconv/framework/tensor.h>

/// Meeting points with a program's own CUDA code. The only public header that includes CUDA's; it is there if
/// upconv was built with CUDA.
namespace upconv::cuda {

/// Options of a context that gives its work to `stream`, on the stream's device. The stream stays the
/// caller's: it must outlive the context and every tensor the context made. cudaStreamLegacy and
/// cudaStreamPerThread are accepted. Throws: ArgumentError if it is null; CudaError.
ExecutionContextOptions on_stream(cudaStream_t stream, ExecutionContextOptions options = {});

/// The stream that a context's work goes to: wait for it, record events in it, or capture it into a graph.
/// Throws: DeviceError if the context is not on a GPU.
cudaStream_t stream_of(const ExecutionContext& ctx);

/// A view of contiguous GPU memory that the caller owns, on the device that holds it. Nothing is copied.
/// Throws: DeviceError unless `data` points to GPU memory; ArgumentError if it is not aligned to an element.
TensorView wrap(void* data, const Shape& shape, DType dtype = DType::f32);

}  // namespace upconv::cuda
