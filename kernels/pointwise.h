#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/epilogue.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// y = epilogue(x) over [outer, channels, inner], element by element: activations, batch normalisation,
/// arithmetic with numbers and with a tensor of the same shape, alone or as one.
struct PointwiseProblem {
  std::int64_t outer = 1;     ///< Sizes before the channels, multiplied.
  std::int64_t channels = 1;  ///< Channels.
  std::int64_t inner = 1;     ///< Sizes behind the channels, multiplied.
  DType dtype = DType::f32;   ///< Of x and y.
  EpilogueForm form = {};     ///< Which rungs there are.

  /// Elements of y.
  std::int64_t count() const { return outer * channels * inner; }
  /// "o8c32i4096_f32+affine+relu"
  std::string to_string() const;
};

/// Throws ShapeError or DTypeError unless the problem makes sense: sizes whose product stays within 64 bits,
/// a type that layers compute on.
void validate(const PointwiseProblem& problem);

/// The operands of one call, all on the context's device.
struct PointwiseOperands {
  ConstTensorView x;       ///< [outer, channels, inner]
  Epilogue epilogue = {};  ///< What is done to it.
  TensorView y;            ///< May be the memory of x or of the residual.
};

/// One implementation.
using PointwiseRow = KernelRow<PointwiseProblem, PointwiseOperands>;

/// The ordered table of a device type.
std::span<const PointwiseRow> pointwise_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if there are no elements. The form of
/// `problem` is that of the epilogue, whatever it was. Throws: as validate, check_operand, check_epilogue and
/// run do.
void pointwise(PointwiseProblem problem, const PointwiseOperands& operands, ModuleName layer,
               ExecutionContext& ctx);

}  // namespace upconv::kernels
