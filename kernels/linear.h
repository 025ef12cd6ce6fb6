#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// y = x W^T + b with x [rows, in_features], W [out_features, in_features], b [out_features].
/// Source: torch.nn.functional.linear.
struct LinearProblem {
  std::int64_t rows = 1;                  ///< Rows of x: all but its last dimension, multiplied.
  std::int64_t in_features = 1;           ///< Size of a row of x.
  std::int64_t out_features = 1;          ///< Size of a row of y.
  DType dtype = DType::f32;               ///< Of every operand.
  Precision precision = Precision::fp32;  ///< Of f32 tensors.

  /// Floating-point operations, two a product.
  double flops() const {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(in_features) *
           static_cast<double>(out_features);
  }
  /// "m64k100n512_f32"
  std::string to_string() const;
};

/// Throws ShapeError or DTypeError unless the problem makes sense: sizes that 64 bits can count in every
/// operand, a type that layers compute on.
void validate(const LinearProblem& problem);

/// The operands of one call, all on the context's device.
struct LinearOperands {
  ConstTensorView x;       ///< [rows, in_features]
  ConstTensorView weight;  ///< [out_features, in_features]
  ConstTensorView bias;    ///< [out_features], or not defined.
  TensorView y;            ///< [rows, out_features]
};

/// One implementation.
using LinearRow = KernelRow<LinearProblem, LinearOperands>;

/// The ordered table of a device type.
std::span<const LinearRow> linear_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if y has no elements. Throws: as validate,
/// check_operand and run do.
void linear(const LinearProblem& problem, const LinearOperands& operands, ModuleName layer,
            ExecutionContext& ctx);

}  // namespace upconv::kernels
