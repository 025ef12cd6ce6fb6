#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// A function of two elements.
enum class BinaryKind : std::uint8_t { add, subtract, multiply, divide, maximum, minimum };

/// "add", "sub", "mul", "div", "maximum", "minimum": PyTorch's names.
std::string_view name_of(BinaryKind kind);

/// y = f(a, b), element by element, with broadcasting: a stride of zero repeats an element along a dimension.
/// y is contiguous. NaN passes through all functions, as in PyTorch. Plain data.
struct BinaryProblem {
  static constexpr int kMaxRank = Shape::kMaxRank;  ///< Dimensions at most.
  /// Something of each dimension.
  using Sizes = std::array<std::int64_t, kMaxRank>;

  BinaryKind kind = BinaryKind::add;  ///< The function.
  DType dtype = DType::f32;           ///< Of operands and result.
  int rank = 0;                       ///< Dimensions.
  Sizes sizes{};                      ///< Of y, outermost dimension first.
  Sizes a_strides{};                  ///< From one element of a to the next.
  Sizes b_strides{};                  ///< From one element of b to the next.

  /// f on operands of these shapes, with as few dimensions as can be. Throws: ShapeError, in PyTorch's words,
  /// if they do not broadcast.
  static BinaryProblem of(BinaryKind kind, DType dtype, const Shape& a, const Shape& b);
  /// Elements of y.
  std::int64_t count() const;

  /// "mul_2x64x4096_a262144x4096x1_b0x1x0_f32"
  std::string to_string() const;
};

/// The shape that both broadcast to. Throws: ShapeError, in PyTorch's words.
Shape broadcast(const Shape& a, const Shape& b);

/// The operands of one call.
struct BinaryOperands {
  ConstTensorView a;    ///< The first; undefined if the scalar stands for it.
  ConstTensorView b;    ///< The second, likewise.
  float scalar = 0.0f;  ///< In place of the operand that is undefined.
  TensorView y;         ///< May be the memory of an operand that is not repeated.
};

/// Throws ShapeError or DTypeError unless the sizes are not negative and the type is one that layers compute
/// on.
void validate(const BinaryProblem& problem);

/// One implementation.
using BinaryRow = KernelRow<BinaryProblem, BinaryOperands>;

/// The ordered table of a device type.
std::span<const BinaryRow> binary_rows(Device::Type type);

/// Selects a row and runs it. Throws: ArgumentError, ShapeError, DTypeError, DeviceError if an operand is not
/// what the problem says, or lies over y otherwise than as the same memory.
void binary(const BinaryProblem& problem, const BinaryOperands& operands, ModuleName layer,
            ExecutionContext& ctx);

}  // namespace upconv::kernels
