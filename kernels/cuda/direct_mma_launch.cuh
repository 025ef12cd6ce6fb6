#pragma once

#include <algorithm>
#include <cstdint>

#include <cuda_runtime.h>

#include <upconv/framework/context.h>
#include <upconv/framework/cuda_check.h>
#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/device/mma_mainloop.cuh>
#include <upconv/kernels/cuda/direct_mma.h>
#include <upconv/kernels/cuda/epilogue.h>
#include <upconv/kernels/cuda/launch.h>

/// How a direct convolution on mma.sync is laid over a GPU, and its launch. For the .cu file of each mode.
namespace upconv::kernels::cuda::direct_mma {

template <class Traits, class T>
void launch_tile(device::MmaArguments<T> p, std::int64_t n, ExecutionContext& ctx) {
  using Shared = device::MmaShared<Traits>;
  static_assert(Shared::bytes(Traits::kMaxKw, 1, std::max(Traits::kMaxTaps, Traits::kMaxKw)) <= 99 * 1024,
                "the largest kernel fits the GPUs with the least shared memory");
  p.co_tiles = (p.co + Traits::kCo - 1) / Traits::kCo;
  p.tiles_h = (p.oh + Traits::kRows - 1) / Traits::kRows;
  p.tiles_w = (p.ow + Traits::kPixels - 1) / Traits::kPixels;
  p.step_rows = std::clamp(Traits::kMaxTaps / p.kw, 1, p.kh);
  const auto is_aligned = [](const void* pointer, std::uintptr_t bytes) {
    return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
  };
  p.pairs = p.iw % 2 == 0 && is_aligned(p.x, 4);
  for (p.stored = Traits::kVector; p.stored > 1; p.stored = p.stored > 2 ? 2 : 1) {
    const auto bytes = static_cast<std::uintptr_t>(p.stored) * sizeof(T);
    if (p.ow % p.stored == 0 && is_aligned(p.y, bytes) && is_aligned(p.epilogue.residual, bytes)) break;
  }
  const std::int64_t blocks = n * p.tiles_h * p.tiles_w * p.groups * p.co_tiles;
  const int shared_bytes = Shared::bytes(p.kh, p.step_rows, p.kw);

  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  const auto kernel = device::direct_mma<Traits>;
  upconv::cuda::check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
                      "cudaFuncSetAttribute");
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(Traits::kThreads);
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream_of(ctx);
  upconv::cuda::check(cudaLaunchKernelEx(&config, kernel, p), "cudaLaunchKernelEx");
}

/// The kernel of one shape of tile.
template <Mode kMode, Tile kTile, class T>
void launch_shape(const device::MmaArguments<T>& p, std::int64_t n, ExecutionContext& ctx) {
  constexpr TileShape kShape = shape_of(kTile, kMode);
  using Traits = device::MmaTraits<T, kMode == Mode::fp32, kShape.columns / 16, kShape.channels / 8>;
  static_assert(Traits::kRows == kTileRows);
  launch_tile<Traits>(p, n, ctx);
}

/// A row's launch, for tensors of T.
template <Mode kMode, class T>
void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  const PackedSection& section = packed_section(operands, name_of(kMode));
  if (problem.n == 0) return;
  const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
  const MmaPacking packing = packing_of(problem, kMode);
  const auto* weights = reinterpret_cast<const unsigned char*>(operands.packed_weight->data(section));
  const device::MmaArguments<T> p{
      .x = static_cast<const T*>(operands.x.raw()),
      .weights = weights,
      .exponents = reinterpret_cast<const std::int32_t*>(weights + packing.exponents_offset()),
      .y = static_cast<T*>(operands.y.raw()),
      .epilogue = device_epilogue(operands.epilogue),
      .groups = narrow(problem.groups),
      .ci = narrow(problem.ci_per_group()),
      .co = narrow(problem.co_per_group()),
      .ih = narrow(problem.ih),
      .iw = narrow(problem.iw),
      .oh = narrow(problem.oh()),
      .ow = narrow(problem.ow()),
      .kh = narrow(problem.kh),
      .kw = narrow(problem.kw),
      .lead_h = narrow(problem.transposed ? problem.kh - 1 - problem.pad_h : problem.pad_h),
      .lead_w = narrow(problem.transposed ? problem.kw - 1 - problem.pad_w : problem.pad_w),
      .chunks = narrow(packing.chunks()),
      .fragments = narrow(packing.fragments()),
      .plain_weight = static_cast<const T*>(operands.weight.raw()),
      .transposed = problem.transposed};
  switch (choose_tile(problem, kMode, ctx.caps().multiprocessors)) {
    case Tile::wide:
      return launch_shape<kMode, Tile::wide>(p, problem.n, ctx);
    case Tile::few_channels:
      return launch_shape<kMode, Tile::few_channels>(p, problem.n, ctx);
    case Tile::small:
      return launch_shape<kMode, Tile::small>(p, problem.n, ctx);
  }
}

}  // namespace upconv::kernels::cuda::direct_mma
