#include <cstdint>

#include <upconv/kernels/cuda/device/copy_rows.cuh>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>
#include <upconv/kernels/cuda/strided_copy.h>

// cuda.rows: runs of 64 bytes and more that lie alike in both tensors, or the other way round in x: cat,
// stack, slices, crops, repeat, roll, flip.
//
// Rows of y are cut at multiples of 16 bytes, however they begin; a thread moves four such slots, 64 bytes,
// and a block 16 KB. The dimensions are walked once for 16 bytes. Stores are always 16 bytes but at the ends
// of a row; loads are as wide as the distance between x's and y's rows allows, which is the same for all
// slots: 16, 8 or 4 bytes, and for elements of 2 bytes at an odd distance, words that are shifted together.
// The L1 cache makes whole sectors of the narrow ones.
namespace upconv::kernels::cuda::movement {

namespace {

constexpr std::int64_t kFewestBytes = 64;

template <class T, int kAlignment, bool kReversed>
void launch_aligned(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  const auto bytes = static_cast<std::int64_t>(sizeof(T));
  device::StridedCopyArguments outer;
  std::int64_t rows = 1;
  std::uint64_t power = common_power(16, address_of(operands.y_begin(p)));  // where rows of y begin
  for (std::size_t dim = 0; dim < last_of(p); ++dim) {
    append(outer, p, dim);
    rows *= p.sizes[dim];
    power = common_power(power, p.y_strides[dim] * bytes);
  }
  const std::int64_t size = p.sizes[last_of(p)];
  const std::int64_t slots = ceil_div(size * bytes + 16 - static_cast<std::int64_t>(power), 16);
  visit_index(rows * slots, [&]<class Index>(std::type_identity<Index>) {
    launch_kernel(device::copy_rows<T, kAlignment, kReversed, Index>,
                  ceil_div(rows * slots, 256 * device::kSlotsOfThread), 256, ctx,
                  reinterpret_cast<const T*>(operands.x_begin(p)), reinterpret_cast<T*>(operands.y_begin(p)),
                  static_cast<Index>(rows * slots), divisor_of(slots), size, outer);
  });
}

/// What x's elements of every slot of y are aligned to. Forwards, x and y move together, and their distance
/// says it; backwards, they move apart, and the sum of their addresses does, whose last element it counts.
template <bool kReversed>
std::uint64_t alignment_of(const StridedCopyProblem& p, const StridedCopyOperands& operands) {
  const auto bytes = static_cast<std::uint64_t>(p.element_bytes);
  const auto join = [](std::uint64_t x, std::uint64_t y) { return kReversed ? x + y : x - y; };
  std::uint64_t power = common_power(
      16, join(address_of(operands.x_begin(p)), address_of(operands.y_begin(p))) + (kReversed ? bytes : 0));
  for (std::size_t dim = 0; dim < last_of(p); ++dim) {
    power = common_power(power, join(static_cast<std::uint64_t>(p.x_strides[dim]),
                                     static_cast<std::uint64_t>(p.y_strides[dim])) *
                                    bytes);
  }
  return power;
}

template <class T, bool kReversed>
void launch_direction(const StridedCopyProblem& p, const StridedCopyOperands& operands,
                      ExecutionContext& ctx) {
  switch (alignment_of<kReversed>(p, operands)) {
    case 16:
      return launch_aligned<T, 16, kReversed>(p, operands, ctx);
    case 8:
      return launch_aligned<T, 8, kReversed>(p, operands, ctx);
    case 4:
      if constexpr (sizeof(T) <= 4) return launch_aligned<T, 4, kReversed>(p, operands, ctx);
      break;
    case 2:
      if constexpr (sizeof(T) == 2) return launch_aligned<T, 2, kReversed>(p, operands, ctx);
      break;
  }
}

}  // namespace

Verdict supports_rows(const StridedCopyProblem& p, const DeviceCaps&) {
  if (p.rank == 0) return Verdict::no("only for rows of 64 bytes and more");
  const std::int64_t x = p.x_strides[last_of(p)], y = p.y_strides[last_of(p)];
  if (y != 1 || (x != 1 && x != -1))
    return Verdict::no("only for rows that lie alike in both tensors, or reversed");
  if (p.sizes[last_of(p)] * p.element_bytes < kFewestBytes)
    return Verdict::no("only for rows of 64 bytes and more");
  return Verdict::yes();
}

void launch_rows(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  visit_element(p.element_bytes, [&]<class T>(std::type_identity<T>) {
    p.x_strides[last_of(p)] == 1 ? launch_direction<T, false>(p, operands, ctx)
                                 : launch_direction<T, true>(p, operands, ctx);
  });
}

}  // namespace upconv::kernels::cuda::movement
