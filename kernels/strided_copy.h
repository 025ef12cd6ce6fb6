#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// y[i] = x[i] for every index i of a box, each tensor with strides of its own: permutations, slices, flips,
/// broadcasts, and the parts of a concatenation. Strides are in elements; x's may be zero or negative. No two
/// indices are the same element of y. Plain data.
struct StridedCopyProblem {
  static constexpr int kMaxRank = 16;  ///< Dimensions at most.
  /// Something of each dimension.
  using Sizes = std::array<std::int64_t, kMaxRank>;

  int element_bytes = 4;      ///< 2, 4 or 8.
  int rank = 0;               ///< Dimensions.
  Sizes sizes{};              ///< Of the box, outermost dimension first.
  Sizes x_strides{};          ///< From one element of x to the next.
  Sizes y_strides{};          ///< From one element of y to the next.
  std::int64_t x_offset = 0;  ///< x's element of index zero.
  std::int64_t y_offset = 0;  ///< y's element of index zero.

  /// Appends the next inner dimension.
  void add(std::int64_t size, std::int64_t x_stride, std::int64_t y_stride);
  /// The same copy with as few dimensions as can be: without those of size one, and neighbours that can be
  /// walked as one merged.
  StridedCopyProblem merged() const;
  /// Elements that are copied.
  std::int64_t count() const;

  /// "8x4096_x8192x1_y4096x1_4": sizes, strides of x and of y, bytes of an element.
  std::string to_string() const;
};

/// The operands of one call.
struct StridedCopyOperands {
  ConstTensorView x;  ///< Any shape: its elements are counted in memory order.
  TensorView y;       ///< Likewise.

  /// x's element of index zero.
  const std::byte* x_begin(const StridedCopyProblem& problem) const;
  /// y's element of index zero.
  std::byte* y_begin(const StridedCopyProblem& problem) const;
};

/// Throws ArgumentError unless elements have a size that is copied and sizes are not negative.
void validate(const StridedCopyProblem& problem);

/// One implementation.
using StridedCopyRow = KernelRow<StridedCopyProblem, StridedCopyOperands>;

/// The ordered table of a device type. Problems are merged ones.
std::span<const StridedCopyRow> strided_copy_rows(Device::Type type);

/// Merges the problem, selects a row and runs it. Throws: ArgumentError, DTypeError, DeviceError if an
/// operand is not a tensor of such elements on the context's device, if the strides reach outside one, or if
/// they overlap.
void strided_copy(const StridedCopyProblem& problem, const StridedCopyOperands& operands, ModuleName layer,
                  ExecutionContext& ctx);

}  // namespace upconv::kernels
