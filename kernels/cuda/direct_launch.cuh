#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include <cuda_runtime.h>

#include <upconv/framework/context.h>
#include <upconv/framework/cuda_check.h>
#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/device/direct_mainloop.cuh>
#include <upconv/kernels/cuda/direct_layer.h>
#include <upconv/kernels/cuda/direct_wgmma.h>
#include <upconv/kernels/cuda/epilogue.h>
#include <upconv/kernels/cuda/launch.h>

/// How a direct convolution is laid over a GPU, and its launch. For the .cu file of each mode.
namespace upconv::kernels::cuda::direct_wgmma {

struct Launch {
  dim3 grid;
  int shared_bytes = 0;
};

/// The feeders fetch rows themselves; in 16 bits they come from where a vector begins.
template <class Traits>
void fetch_by_threads(device::DirectArguments& p) {
  p.boxes = false;
  p.shift = p.offset = 0;
  p.realign = Traits::kHalves;
}

/// Chooses how rows are fetched. The copy engine's tiles begin further left, or, in TF32, where a tile has no
/// room for that, a little further right. If the consumers cannot read from there, the feeders move the tile.
template <class Traits>
void align(device::DirectArguments& p) {
  constexpr int kAlign = 16 / static_cast<int>(sizeof(typename Traits::Element));
  fetch_by_threads<Traits>(p);
  if (p.iw % kAlign != 0 || reinterpret_cast<std::uintptr_t>(p.x) % 16 != 0) return;
  const int forward = (kAlign - (p.lead_w + Traits::kSkip) % kAlign + kAlign) % kAlign;
  const int nearest = !Traits::kHalves && forward + Traits::kSkip >= kAlign ? forward - kAlign : forward;
  const bool reads_there = forward % Traits::kRun == 0 && Traits::kReach + forward <= Traits::kPitch;
  if (!reads_there && (Traits::kSplit || Traits::kNeeded + nearest > Traits::kPitch)) return;
  p.boxes = true;
  p.realign = !reads_there;
  p.shift = reads_there ? forward : nearest;
  p.offset = reads_there ? forward : 0;
}

/// Fills in what follows from the sizes, the padding and the pointers: strips, ranges, stages, alignment.
template <class Traits>
Launch plan(device::DirectArguments& p, const DeviceCaps& caps) {
  using Shared = device::DirectShared<Traits>;
  constexpr int kElement = static_cast<int>(sizeof(typename Traits::Element));
  Launch launch;
  p.steps = (p.ci + Traits::kChannels - 1) / Traits::kChannels;
  p.co_tiles = (p.co + Traits::kCo - 1) / Traits::kCo;
  p.strips = (p.ow + Traits::kPixels - 1) / Traits::kPixels;
  const int room = static_cast<int>(caps.shared_memory_per_block) - Shared::bytes(0, p.steps);
  p.stages = std::min(room / (Traits::kConsumers * Traits::kStageBytes), Traits::kMaxStages);
  if (Traits::kSplit)
    p.stages = p.stages / Traits::kFeederWarps * Traits::kFeederWarps;  // as many for each warp
  launch.shared_bytes = Shared::bytes(p.stages, p.steps);

  align<Traits>(p);
  p.vectors =
      p.ow % Traits::kRun == 0 && reinterpret_cast<std::uintptr_t>(p.y) % (Traits::kRun * kElement) == 0;

  // As many row ranges as make the busiest worker's rows, those computed twice included, fewest. To begin and
  // end an item costs it about two rows.
  constexpr int kRowsBeside = Traits::kKh - 1 + 2;
  launch.grid.y = static_cast<unsigned>(p.groups * p.co_tiles);
  const int blocks = std::max(1, caps.multiprocessors / static_cast<int>(launch.grid.y));
  const std::int64_t workers = std::int64_t{blocks} * Traits::kConsumers;
  const std::int64_t columns = std::int64_t{p.strips} * p.n;
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for (int ranges = 1; ranges <= std::min(p.oh, 1024); ++ranges) {
    const int rows = (p.oh + ranges - 1) / ranges;
    const std::int64_t items = columns * ((p.oh + rows - 1) / rows);
    const std::int64_t cost = (items + workers - 1) / workers * (rows + kRowsBeside);
    if (cost >= best || items > std::numeric_limits<int>::max()) continue;
    best = cost;
    p.range_rows = rows;
    p.items = static_cast<int>(items);
  }
  launch.grid.x = static_cast<unsigned>(std::min(p.items, blocks));
  return launch;
}

/// cuTensorMapEncodeTiled, which the runtime finds in the driver, so that nothing links against it.
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  upconv::cuda::check(
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
      "cudaGetDriverEntryPointByVersion");
  if (found != cudaDriverEntryPointSuccess) {
    throw DeviceError("the NVIDIA driver lacks cuTensorMapEncodeTiled: it needs version 525 or newer");
  }
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
}

/// Describes x as [n][groups][ci][ih][iw] in boxes of one chunk. False if it is beyond what the copy engine
/// counts.
template <class Traits>
bool encode_input(const device::DirectArguments& p, CUtensorMap& map) {
  static const auto encode = tensor_map_encoder();  // the same in every process of this driver
  constexpr auto kType = Traits::kArithmetic == device::Arithmetic::f16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                         : Traits::kArithmetic == device::Arithmetic::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                                           : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  const auto row = static_cast<cuuint64_t>(p.iw) * sizeof(typename Traits::Element);
  const cuuint64_t plane = row * static_cast<cuuint64_t>(p.ih), group = plane * static_cast<cuuint64_t>(p.ci);
  const cuuint64_t sizes[5] = {static_cast<cuuint64_t>(p.iw), static_cast<cuuint64_t>(p.ih),
                               static_cast<cuuint64_t>(p.ci), static_cast<cuuint64_t>(p.groups),
                               static_cast<cuuint64_t>(p.n)};
  const cuuint64_t strides[4] = {row, plane, group, group * static_cast<cuuint64_t>(p.groups)};
  const cuuint32_t box[5] = {Traits::kPitch, 1, Traits::kChannels, 1, 1};
  const cuuint32_t steps[5] = {1, 1, 1, 1, 1};
  return encode(&map, kType, 5, const_cast<void*>(p.x), sizes, strides, box, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

template <class Traits>
void launch(device::DirectArguments p, ExecutionContext& ctx) {
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  const Launch launch = plan<Traits>(p, ctx.caps());
  CUtensorMap map{};
  if (p.boxes && !encode_input<Traits>(p, map)) fetch_by_threads<Traits>(p);
  const auto kernel = device::direct_convolution<Traits>;
  upconv::cuda::check(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, launch.shared_bytes),
      "cudaFuncSetAttribute");
  cudaLaunchConfig_t config{};
  config.gridDim = launch.grid;
  config.blockDim = dim3(Traits::kThreads);
  config.dynamicSmemBytes = static_cast<std::size_t>(launch.shared_bytes);
  config.stream = stream_of(ctx);
  upconv::cuda::check(cudaLaunchKernelEx(&config, kernel, map, p), "cudaLaunchKernelEx");
}

constexpr device::Arithmetic arithmetic_of(Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return device::Arithmetic::tf32;
    case Mode::f16:
      return device::Arithmetic::f16;
    case Mode::bf16:
      return device::Arithmetic::bf16;
    case Mode::fp32:
      return device::Arithmetic::fp32;
    case Mode::fp32_wide:
      break;
  }
  return device::Arithmetic::fp32_wide;
}

/// The kernel of one shape. Strips are 128 pixels wide, in fp32 64, since its sums need the registers. So
/// they are for 3 slots, where images of which wide strips would leave much beyond the right border are worth
/// kernels of their own.
template <Mode kMode, int kKh, int kKw, int kCo>
void launch_shape(const device::DirectArguments& p, ExecutionContext& ctx) {
  constexpr auto kArithmetic = arithmetic_of(kMode);
  using Narrow = device::DirectTraits<kArithmetic, kKh, kKw, kCo, 1>;
  const auto run = [&]<class Traits>(Traits) {
    static_assert(device::DirectShared<Traits>::bytes(Traits::kLeastStages, 0) <=
                  least_beside_weights(kMode));
    launch<Traits>(p, ctx);
  };
  if constexpr (Narrow::kSplit) {
    run(Narrow());
  } else {
    const std::int64_t narrow = (p.ow + 63) / 64 * 64, wide = (p.ow + 127) / 128 * 128;
    if constexpr (kKh == 3) {
      if (5 * narrow <= 4 * wide) return run(Narrow());
    }
    run(device::DirectTraits<kArithmetic, kKh, kKw, kCo, 2>());
  }
}

/// The kernels of one tile, by width.
template <Mode kMode, int kTile, int... kWidths>
bool launch_tile(const DirectPacking& packing, const device::DirectArguments& p, ExecutionContext& ctx,
                 std::integer_sequence<int, kWidths...>) {
  constexpr DirectTile tile = kDirectTiles<kMode>[kTile];
  if (packing.kh_slots() != tile.kh_slots || packing.co_tile != tile.co) return false;
  return ((packing.kw == kWidths + 1 &&
           (launch_shape<kMode, tile.kh_slots, kWidths + 1, tile.co>(p, ctx), true)) ||
          ...);
}

template <Mode kMode, int... kTiles>
void launch_packing(const DirectPacking& packing, const device::DirectArguments& p, ExecutionContext& ctx,
                    std::integer_sequence<int, kTiles...>) {
  const bool launched =
      (launch_tile<kMode, kTiles>(packing, p, ctx, std::make_integer_sequence<int, kLargestDirectKernel>{}) ||
       ...);
  if (!launched) throw StateError("the direct convolution has no kernel for this tile");
}

/// Runs on the packed weights that begin at `weights`.
template <Mode kMode>
void launch(const ConvProblem& problem, const ConvOperands& operands, const unsigned char* weights,
            ExecutionContext& ctx) {
  if (problem.n == 0) return;
  const auto packing = packing_of(problem, kMode);
  const device::DirectArguments p{
      .x = operands.x.raw(),
      .weights = weights,
      .weight_exponents = reinterpret_cast<const int*>(weights + packing->exponents_offset()),
      .y = operands.y.raw(),
      .n = static_cast<int>(problem.n),
      .groups = packing->groups,
      .ci = packing->ci,
      .co = packing->co,
      .ih = static_cast<int>(problem.ih),
      .iw = static_cast<int>(problem.iw),
      .oh = static_cast<int>(problem.oh()),
      .ow = static_cast<int>(problem.ow()),
      .full_height = packing->kh == packing->kh_slots(),
      .lead_h = static_cast<int>(problem.transposed ? problem.kh - 1 - problem.pad_h : problem.pad_h) +
                packing->empty_slots(),
      .lead_w = static_cast<int>(problem.transposed ? problem.kw - 1 - problem.pad_w : problem.pad_w),
      .epilogue = device_epilogue(operands.epilogue),
      .plain_weight = static_cast<const float*>(operands.weight.raw()),
      .transposed = problem.transposed};
  constexpr int kTiles = static_cast<int>(kDirectTiles<kMode>.size());
  launch_packing<kMode>(*packing, p, ctx, std::make_integer_sequence<int, kTiles>{});
}

/// The packed weights of the mode's row.
inline const unsigned char* packed_weights(const ConvOperands& operands, Mode mode) {
  const PackedSection& section = packed_section(operands, name_of(mode));
  return reinterpret_cast<const unsigned char*>(operands.packed_weight->data(section));
}

}  // namespace upconv::kernels::cuda::direct_wgmma
