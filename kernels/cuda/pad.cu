#include <upconv/kernels/cuda/device/pad.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// cuda.rows: elements added to the ends of dimensions, or cut off; y is written once, x is read once, its
// rows that stand in the border again from the caches.
//
// A thread makes 16 bytes of y, counted through its rows, so that writes are aligned however wide a row is.
// If they are all of the inner part of one row, they are read in the widest accesses that x's address allows:
// before an odd border a warp reads words that lie side by side, and the L1 cache makes whole sectors of
// them. The others, at borders and where rows meet, are gathered element by element.
namespace upconv::kernels::cuda::padding {

namespace {

device::PadFold fold_of(PadMode mode) {
  switch (mode) {
    case PadMode::constant:
      return device::PadFold::constant;
    case PadMode::reflect:
      return device::PadFold::reflect;
    case PadMode::replicate:
      return device::PadFold::replicate;
    case PadMode::circular:
      return device::PadFold::circular;
  }
  throw ArgumentError(message("PadMode(", static_cast<int>(mode), ") is no mode"));
}

device::PadArguments arguments_of(const PadProblem& p) {
  device::PadArguments arguments{};
  arguments.fold = fold_of(p.mode);
  arguments.rank = p.rank;
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
    arguments.sizes[i] = divisor_of(p.before[i] + p.sizes[i] + p.after[i]);
    arguments.x_sizes[i] = p.sizes[i];
    arguments.before[i] = p.before[i];
  }
  return arguments;
}

/// Whether positions along every dimension, and elements of y, can be counted in 32 bits with a sign.
bool counts_in_32_bits(const PadProblem& p, std::int64_t count) {
  if (count >= kFewestFor64Bits) return false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
    if (p.sizes[i] >= kFewestFor64Bits || p.before[i] <= -kFewestFor64Bits) return false;
  }
  return true;
}

template <class T>
void launch_with(const PadProblem& p, const PadOperands& operands, ExecutionContext& ctx) {
  constexpr int kThreads = 256, kBlocksPerMultiprocessor = 8, kWide = 16 / sizeof(T);
  const std::int64_t count = operands.y.numel();
  const bool aligned = reinterpret_cast<std::uintptr_t>(operands.y.raw()) % 16 == 0;
  const auto launch = [&]<int V, class Index>(std::integral_constant<int, V>, std::type_identity<Index>) {
    const std::int64_t wanted = (count / V + kThreads - 1) / kThreads + 1;
    const std::int64_t blocks =
        std::min<std::int64_t>(wanted, std::int64_t{ctx.caps().multiprocessors} * kBlocksPerMultiprocessor);
    launch_kernel(device::pad<T, V, Index>, blocks, kThreads, ctx, static_cast<const T*>(operands.x.raw()),
                  static_cast<T*>(operands.y.raw()), static_cast<Index>(count),
                  static_cast<T>(p.value_bits()), arguments_of(p));
  };
  const auto with_width = [&]<class Index>(std::type_identity<Index> index) {
    aligned ? launch(std::integral_constant<int, kWide>{}, index)
            : launch(std::integral_constant<int, 1>{}, index);
  };
  counts_in_32_bits(p, count) ? with_width(std::type_identity<std::uint32_t>{})
                              : with_width(std::type_identity<std::uint64_t>{});
}

}  // namespace

void launch(const PadProblem& p, const PadOperands& operands, ExecutionContext& ctx) {
  switch (size_of(p.dtype)) {
    case 2:
      return launch_with<std::uint16_t>(p, operands, ctx);
    case 4:
      return launch_with<std::uint32_t>(p, operands, ctx);
    case 8:
      return launch_with<std::uint64_t>(p, operands, ctx);
  }
}

}  // namespace upconv::kernels::cuda::padding
