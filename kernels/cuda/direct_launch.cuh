#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "device/direct_mainloop.cuh"

/// How a direct convolution is laid over a GPU, and its launch.
namespace upconv::kernels::cuda {

/// Fills in what follows from the sizes, the padding and the pointers: strips, ranges, stages, alignment.
/// Returns false if the block's weights leave no room in `shared_memory` bytes for two stages.
template <class Traits>
bool plan_direct(device::DirectArguments& p, int multiprocessors, int shared_memory, dim3& grid, int& shared_bytes) {
  using Shared = device::DirectShared<Traits>;
  constexpr int kElement = static_cast<int>(sizeof(typename Traits::Element));
  constexpr int kAlign = 16 / kElement;
  p.steps = (p.ci + Traits::kChannels - 1) / Traits::kChannels;
  p.co_tiles = (p.co + Traits::kCo - 1) / Traits::kCo;
  p.strips = (p.ow + Traits::kPixels - 1) / Traits::kPixels;
  p.stages = (shared_memory - Shared::bytes(0, p.steps)) / (Traits::kConsumers * Traits::kChunkBytes);
  if (p.stages < 2) return false;
  if (p.stages > Traits::kMaxStages) p.stages = Traits::kMaxStages;
  shared_bytes = Shared::bytes(p.stages, p.steps);

  p.shift = 0;
  p.boxes = p.iw % kAlign == 0 && reinterpret_cast<std::uintptr_t>(p.x) % 16 == 0;
  if (p.boxes) {
    const int lead = p.lead_w + Traits::kSkip;
    while ((lead + p.shift) % kAlign != 0 && p.shift < kAlign)
      p.shift += Traits::kRun;
    p.boxes = (lead + p.shift) % kAlign == 0 && Traits::kReach + p.shift <= Traits::kPitch;
    if (!p.boxes) p.shift = 0;
  }
  p.vectors = p.ow % Traits::kRun == 0 && reinterpret_cast<std::uintptr_t>(p.y) % (Traits::kRun * kElement) == 0;

  // As many row ranges as make the busiest worker's rows, those computed twice included, fewest.
  grid.y = static_cast<unsigned>(p.groups * p.co_tiles);
  const int blocks = multiprocessors / static_cast<int>(grid.y) > 0 ? multiprocessors / static_cast<int>(grid.y) : 1;
  const std::int64_t workers = std::int64_t{blocks} * Traits::kConsumers;
  std::int64_t best = INT64_MAX;
  for (int ranges = 1; ranges <= p.oh && ranges <= 4096; ++ranges) {
    const int rows = (p.oh + ranges - 1) / ranges;
    const std::int64_t items = std::int64_t{p.strips} * p.n * ((p.oh + rows - 1) / rows);
    const std::int64_t cost = (items + workers - 1) / workers * (rows + Traits::kKh - 1);
    if (cost < best && items < INT32_MAX) {
      best = cost;
      p.range_rows = rows;
      p.ranges = (p.oh + rows - 1) / rows;
      p.items = static_cast<int>(items);
    }
  }
  const int needed = (p.items + Traits::kConsumers - 1) / Traits::kConsumers;
  grid.x = static_cast<unsigned>(needed < blocks ? needed : blocks);
  return true;
}

/// cuTensorMapEncodeTiled, which the runtime finds in the driver, so that nothing links against it.
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
  static const auto encoder = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found) !=
            cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
      function = nullptr;
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
  }();
  return encoder;
}

/// Describes x as [n][groups][ci][ih][iw] in boxes of one chunk.
template <class Traits>
bool encode_input(const device::DirectArguments& p, CUtensorMap& map) {
  constexpr auto kType = Traits::kArithmetic == device::Arithmetic::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
      : Traits::kArithmetic == device::Arithmetic::bf16                 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                                        : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  const auto row = static_cast<cuuint64_t>(p.iw) * sizeof(typename Traits::Element);
  const cuuint64_t plane = row * static_cast<cuuint64_t>(p.ih), group = plane * static_cast<cuuint64_t>(p.ci);
  const cuuint64_t sizes[5] = {static_cast<cuuint64_t>(p.iw), static_cast<cuuint64_t>(p.ih),
                               static_cast<cuuint64_t>(p.ci), static_cast<cuuint64_t>(p.groups),
                               static_cast<cuuint64_t>(p.n)};
  const cuuint64_t strides[4] = {row, plane, group, group * static_cast<cuuint64_t>(p.groups)};
  const cuuint32_t box[5] = {Traits::kPitch, 1, Traits::kChannels, 1, 1};
  const cuuint32_t steps[5] = {1, 1, 1, 1, 1};
  const auto encode = tensor_map_encoder();
  return encode && encode(&map, kType, 5, const_cast<void*>(p.x), sizes, strides, box, steps,
                          CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                          CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

/// Plans and launches; false if it does not fit (the caller's verdict has ruled that out).
template <class Traits>
bool launch_direct(device::DirectArguments p, int multiprocessors, int shared_memory, cudaStream_t stream) {
  dim3 grid;
  int shared_bytes = 0;
  if (!plan_direct<Traits>(p, multiprocessors, shared_memory, grid, shared_bytes)) return false;
  CUtensorMap map{};
  if (p.boxes && !encode_input<Traits>(p, map)) p.boxes = false, p.shift = 0;
  if (cudaFuncSetAttribute(device::direct_convolution<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           shared_bytes) != cudaSuccess)
    return false;
  device::direct_convolution<Traits><<<grid, Traits::kThreads, static_cast<std::size_t>(shared_bytes), stream>>>(map, p);
  return cudaGetLastError() == cudaSuccess;
}

}  // namespace upconv::kernels::cuda
