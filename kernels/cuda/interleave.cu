#include <cstdint>
#include <optional>

#include <upconv/kernels/cuda/device/interleave.cuh>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>
#include <upconv/kernels/cuda/strided_copy.h>

// cuda.interleave: pixel shuffles by 2, 3 and 4 and back: one tensor has rows whose elements come from as
// many rows of the other in turn.
//
// A thread moves a pack of each row and what becomes of them, which change places in registers. By 2 and by 4
// the joined side moves 16 bytes an access and the other one 8 or 4, so that both sides of a warp are
// gapless; by 3 it is 16 bytes on both sides. Two packs of all rows a thread: 32 bytes, by 3 96. The
// dimensions are walked once a pack. Rows that are not whole packs, or lie askew, move by single elements.
namespace upconv::kernels::cuda::movement {

namespace {

/// How a copy interleaves.
struct Interleaving {
  bool joins;                    // y has the joined rows, else x
  std::size_t factor_dimension;  // goes through the parted rows
  std::size_t row_dimension;     // goes along them
};

std::optional<Interleaving> interleaving_of(const StridedCopyProblem& p) {
  const auto is_factor = [](std::int64_t size) { return size >= 2 && size <= 4; };
  if (p.rank < 2 || p.y_strides[last_of(p)] != 1) return std::nullopt;
  const std::size_t last = last_of(p);
  for (std::size_t dim = last; dim-- > 0;) {
    if (p.x_strides[dim] != 1) continue;
    if (is_factor(p.sizes[last]) && p.y_strides[dim] == p.sizes[last]) return Interleaving{true, last, dim};
    if (is_factor(p.sizes[dim]) && p.x_strides[last] == p.sizes[dim]) return Interleaving{false, dim, last};
  }
  return std::nullopt;
}

/// True if every row, and every stream, begins where packs of `bytes` may: all dimensions but the row's.
bool aligned(const StridedCopyProblem& p, const void* begin, const StridedCopyProblem::Sizes& strides,
             std::size_t row, std::optional<std::size_t> factor, std::uint64_t bytes) {
  std::uint64_t power = common_power(bytes, address_of(begin));
  for (std::size_t dim = 0; dim < static_cast<std::size_t>(p.rank); ++dim) {
    if (dim != row && dim != factor) power = common_power(power, strides[dim] * p.element_bytes);
  }
  return power == bytes;
}

template <class T, int kFactor, int V, int J, bool kJoins>
void launch_packs(const StridedCopyProblem& p, const Interleaving& how, const StridedCopyOperands& operands,
                  ExecutionContext& ctx) {
  const std::int64_t packs = p.count() / (kFactor * V);
  const auto& parted = kJoins ? p.x_strides : p.y_strides;
  launch_kernel(device::interleave<T, kFactor, V, J, kJoins>,
                ceil_div(packs, 256 * device::kInterleavedPacks), 256, ctx,
                reinterpret_cast<const T*>(operands.x_begin(p)), reinterpret_cast<T*>(operands.y_begin(p)),
                static_cast<std::uint32_t>(packs), divisor_of(p.sizes[how.row_dimension] / V),
                parted[how.factor_dimension], without(p, how.factor_dimension, how.row_dimension));
}

template <class T, int kFactor, bool kJoins>
void launch_factor(const StridedCopyProblem& p, const Interleaving& how, const StridedCopyOperands& operands,
                   ExecutionContext& ctx) {
  constexpr int kWide = 16 / sizeof(T);
  constexpr int V = kFactor == 3 ? kWide : kWide / kFactor;
  const void *x = operands.x_begin(p), *y = operands.y_begin(p);
  const std::size_t row = how.row_dimension, factor = how.factor_dimension;
  const bool fits =
      p.sizes[row] % V == 0 &&
      aligned(p, kJoins ? x : y, kJoins ? p.x_strides : p.y_strides, row, std::nullopt, V * sizeof(T)) &&
      aligned(p, kJoins ? y : x, kJoins ? p.y_strides : p.x_strides, row, factor, 16);
  fits ? launch_packs<T, kFactor, V, kWide, kJoins>(p, how, operands, ctx)
       : launch_packs<T, kFactor, 1, 1, kJoins>(p, how, operands, ctx);
}

template <class T, int kFactor>
void launch_of(const StridedCopyProblem& p, const Interleaving& how, const StridedCopyOperands& operands,
               ExecutionContext& ctx) {
  how.joins ? launch_factor<T, kFactor, true>(p, how, operands, ctx)
            : launch_factor<T, kFactor, false>(p, how, operands, ctx);
}

}  // namespace

Verdict supports_interleave(const StridedCopyProblem& p, const DeviceCaps&) {
  const std::optional<Interleaving> how = interleaving_of(p);
  if (!how) return Verdict::no("only for pixel shuffles by 2, 3 and 4");
  if (p.element_bytes == 8) return Verdict::no("only for elements of 2 and 4 bytes");
  if (p.count() / p.sizes[how->factor_dimension] >= kFewestFor64Bits)
    return Verdict::no("there must be fewer than 2^30 elements of each place");
  return Verdict::yes();
}

void launch_interleave(const StridedCopyProblem& p, const StridedCopyOperands& operands,
                       ExecutionContext& ctx) {
  const std::optional<Interleaving> how = interleaving_of(p);
  const auto launch = [&]<class T>(std::type_identity<T>) {
    switch (p.sizes[how->factor_dimension]) {
      case 2:
        return launch_of<T, 2>(p, *how, operands, ctx);
      case 3:
        return launch_of<T, 3>(p, *how, operands, ctx);
      case 4:
        return launch_of<T, 4>(p, *how, operands, ctx);
    }
  };
  p.element_bytes == 2 ? launch(std::type_identity<std::uint16_t>{})
                       : launch(std::type_identity<std::uint32_t>{});
}

}  // namespace upconv::kernels::cuda::movement
