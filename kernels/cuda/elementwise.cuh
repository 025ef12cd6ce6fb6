#pragma once

#include <upconv/kernels/cuda/device/elementwise.cuh>
#include <upconv/kernels/cuda/launch.h>

namespace upconv::kernels::cuda {

/// Launches y = fn(x, channel) over [outer, channels, inner]. Memory-bound: 16 bytes an access wherever both
/// pointers allow it, one element otherwise; enough blocks to fill the device and no more.
template <class T, class Fn>
void launch_elementwise(const void* x, void* y, std::int64_t outer, std::int64_t channels, std::int64_t inner,
                        const Fn& fn, ExecutionContext& ctx) {
  constexpr int kThreads = 256, kBlocksPerMultiprocessor = 8, kWide = 16 / sizeof(T);
  constexpr std::int64_t k32Bits = std::int64_t{1} << 30;  // leaves room for the grid's step in 32 bits
  const std::int64_t count = outer * channels * inner;
  if (count == 0) return;
  const auto misaligned = (reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y)) % 16;
  const auto launch = [&]<int V, class Index>(std::integral_constant<int, V>, std::type_identity<Index>) {
    const std::int64_t wanted = (count / V + kThreads - 1) / kThreads + 1;
    const std::int64_t blocks =
        std::min<std::int64_t>(wanted, std::int64_t{ctx.caps().multiprocessors} * kBlocksPerMultiprocessor);
    launch_kernel(device::elementwise<T, V, Index, Fn>, blocks, kThreads, ctx, static_cast<const T*>(x),
                  static_cast<T*>(y), static_cast<Index>(count), static_cast<Index>(channels),
                  static_cast<Index>(inner), fn);
  };
  const auto with_width = [&]<class Index>(std::type_identity<Index> index) {
    misaligned == 0 ? launch(std::integral_constant<int, kWide>{}, index)
                    : launch(std::integral_constant<int, 1>{}, index);
  };
  count < k32Bits ? with_width(std::type_identity<unsigned>{})
                  : with_width(std::type_identity<unsigned long long>{});
}

}  // namespace upconv::kernels::cuda
