#pragma once

#include <cstdint>
#include <string_view>

#include <upconv/framework/context.h>
#include <upconv/framework/tensor.h>

/// The checks that every operator makes of its operands before a kernel reads them: kernels trust what they
/// are given. `layer` and `what` say in the message which operand of whom is meant.
namespace upconv::kernels {

/// Throws ArgumentError if `view` is undefined; ShapeError, DTypeError or DeviceError unless it is as
/// `wanted`.
void check_operand(ModuleName layer, std::string_view what, ConstTensorView view, const TensorSpec& wanted);

/// The same for an operand whose shape only has to hold `wanted` elements.
void check_operand(ModuleName layer, std::string_view what, ConstTensorView view, std::int64_t wanted,
                   DType dtype, Device device);

/// Throws ArgumentError if y overlaps x, except as the same memory where an operator works in place.
void check_overlap(ModuleName layer, ConstTensorView x, ConstTensorView y, bool in_place);

}  // namespace upconv::kernels
