#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// y = x * scale[c] + shift[c] over [outer, channels, inner]: batch normalisation at inference.
struct ChannelAffineProblem {
  std::int64_t outer = 1;     ///< Sizes before the channels, multiplied.
  std::int64_t channels = 1;  ///< Channels.
  std::int64_t inner = 1;     ///< Sizes behind the channels, multiplied.
  DType dtype = DType::f32;   ///< Of x and y.

  /// "o8c32i4096_f32"
  std::string to_string() const;
};

/// Throws ShapeError or DTypeError unless the problem makes sense: sizes whose product stays within 64 bits,
/// a type that layers compute on.
void validate(const ChannelAffineProblem& problem);

/// The operands of one call, all on the context's device.
struct ChannelAffineOperands {
  ConstTensorView x;      ///< [outer, channels, inner]
  ConstTensorView scale;  ///< [channels] f32
  ConstTensorView shift;  ///< [channels] f32
  TensorView y;           ///< May be x's memory.
};

/// One implementation.
using ChannelAffineRow = KernelRow<ChannelAffineProblem, ChannelAffineOperands>;

/// The ordered table of a device type.
std::span<const ChannelAffineRow> channel_affine_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if there are no elements. Throws: as
/// validate, check_operand and run do.
void channel_affine(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
                    ModuleName layer, ExecutionContext& ctx);

}  // namespace upconv::kernels
