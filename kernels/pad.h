#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// What stands beyond the border of a padded tensor: a constant, the elements mirrored at the border element,
/// the border element, or the elements of the other end.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };

/// "constant", "reflect", "replicate", "circular"
std::string_view name_of(PadMode mode);

/// A tensor with elements added to the ends of its dimensions, or cut off where an amount is negative:
/// everything that selects and parametrises a kernel. y has `before + size + after` elements along a
/// dimension, and y[i] is x[i - before] where x has such an element. Plain data.
/// Source: torch.nn.functional.pad.
struct PadProblem {
  static constexpr int kMaxRank = 8;  ///< Dimensions at most.
  /// Something of each dimension, outermost first.
  using Sizes = std::array<std::int64_t, kMaxRank>;

  PadMode mode = PadMode::constant;  ///< What is added.
  double value = 0;                  ///< The constant, in the type of the elements.
  int rank = 0;                      ///< Dimensions.
  Sizes sizes{};                     ///< Of x.
  Sizes before{};                    ///< Elements added in front.
  Sizes after{};                     ///< Elements added behind.
  DType dtype = DType::f32;          ///< Of x and y; any.

  /// Appends the next inner dimension. Throws: ShapeError if there are too many.
  void add(std::int64_t size, std::int64_t before_it, std::int64_t after_it);
  /// The same with as few dimensions as can be: neighbours without padding are one, and a constant around a
  /// dimension reaches over those without padding inside of it.
  PadProblem merged() const;
  /// Shape of x.
  Shape x_shape() const;
  /// Shape of y. Throws: ShapeError if a size is negative.
  Shape y_shape() const;
  /// The constant as the bits of one element.
  std::uint64_t value_bits() const;

  /// "reflect_6x512x512_b0x1x1_a0x1x1_f32": sizes of x, what comes before, what comes after; a constant
  /// follows its mode, unless it is zero: "constant-1.5_".
  std::string to_string() const;
};

/// The operands of one call.
struct PadOperands {
  ConstTensorView x;  ///< Any shape of that many elements.
  TensorView y;       ///< Likewise.
};

/// Throws ArgumentError or ShapeError unless every element of y is defined: reflected padding is less than
/// the size, circular padding at most the size, and padding other than a constant is of a dimension that has
/// elements.
void validate(const PadProblem& problem);

/// One implementation.
using PadRow = KernelRow<PadProblem, PadOperands>;

/// The ordered table of a device type. Problems are merged ones.
std::span<const PadRow> pad_rows(Device::Type type);

/// Merges the problem, selects a row and runs it. Throws: as validate; ShapeError, DTypeError, DeviceError or
/// ArgumentError if an operand is not what the problem says, or if they overlap.
void pad(const PadProblem& problem, const PadOperands& operands, ModuleName layer, ExecutionContext& ctx);

}  // namespace upconv::kernels
