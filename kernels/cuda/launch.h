#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <upconv/framework/context.h>
#include <upconv/framework/cuda_check.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

/// What every launcher uses: the stream, checked launches, and the host's types as the device's. For .cu
/// files.
namespace upconv::kernels::cuda {

inline cudaStream_t stream_of(const ExecutionContext& ctx) {
  return static_cast<cudaStream_t>(ctx.stream());
}

/// Launches on the context's device and stream. Throws: CudaError if the launch is refused; what fails while
/// the kernel runs is reported by a later call that waits.
template <class... Params, class... Args>
void launch_kernel(void (*kernel)(Params...), std::int64_t blocks, int threads, ExecutionContext& ctx,
                   const Args&... args) {
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = stream_of(ctx);
  upconv::cuda::check(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...),
                      "cudaLaunchKernelEx");
}

/// Calls visitor(std::type_identity<T>{}) with the device's type for a compute dtype. Throws: DTypeError for
/// another.
template <class Visitor>
void visit_device_dtype(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::f32:
      return visitor(std::type_identity<float>{});
    case DType::f16:
      return visitor(std::type_identity<__half>{});
    case DType::bf16:
      return visitor(std::type_identity<__nv_bfloat16>{});
    case DType::f64:
    case DType::i64:
      break;
  }
  throw DTypeError(message("kernels compute on f32, f16 and bf16, not on ", dtype));
}

/// Numbers that a kernel counts in 32 bits: its grid's step past the last one fits as well.
inline constexpr std::int64_t kFewestFor64Bits = std::int64_t{1} << 30;

/// Launches a kernel that walks `count` pieces in steps of its grid: as many blocks as fill the device, or
/// fewer.
template <class... Params, class... Args>
void launch_grid_stride(void (*kernel)(Params...), std::int64_t count, ExecutionContext& ctx,
                        const Args&... args) {
  constexpr int kThreads = 256, kBlocksPerMultiprocessor = 8;
  const std::int64_t wanted = (count + kThreads - 1) / kThreads;
  const std::int64_t most = std::int64_t{ctx.caps().multiprocessors} * kBlocksPerMultiprocessor;
  launch_kernel(kernel, std::min(wanted, most), kThreads, ctx, args...);
}

}  // namespace upconv::kernels::cuda
