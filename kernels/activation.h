#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// The elementwise functions that layers and convolutions apply.
enum class ActivationKind : std::uint8_t { none, relu, leaky_relu, prelu, sigmoid, tanh };

/// "none", "relu", ...
std::string_view name_of(ActivationKind kind);

/// An elementwise function, as an operator of its own or in the epilogue of a convolution.
struct Activation {
  ActivationKind kind = ActivationKind::none;  ///< Which function.
  float negative_slope = 0.01f;                ///< leaky_relu: factor for x < 0.
  ConstTensorView slopes = {};                 ///< prelu: [1] or [C], of x's type, on x's device.
};

/// Throws unless kernels can apply `activation` to `channels` channels of this type and device: ArgumentError
/// if the kind is none of the enumerators, or prelu has no slopes; ShapeError, DTypeError or DeviceError if
/// its slopes do not fit. `layer` is named in the message.
void check_activation(ModuleName layer, const Activation& activation, std::int64_t channels, DType dtype,
                      Device device);

/// y = activation(x) over [outer, channels, inner]; prelu's slope goes by the channel.
struct ActivationProblem {
  ActivationKind kind = ActivationKind::relu;  ///< Which function.
  std::int64_t outer = 1;                      ///< Sizes before the channels, multiplied.
  std::int64_t channels = 1;                   ///< Channels.
  std::int64_t inner = 1;                      ///< Sizes behind the channels, multiplied.
  std::int64_t slopes = 1;                     ///< prelu: 1, or channels.
  DType dtype = DType::f32;                    ///< Of x and y.

  /// "relu_o8c32i4096_f32"
  std::string to_string() const;
};

/// Throws ArgumentError, ShapeError or DTypeError unless the problem makes sense: a known kind, sizes whose
/// product stays within 64 bits, one slope or one for each channel, a type that layers compute on.
void validate(const ActivationProblem& problem);

/// The operands of one call, all on the context's device.
struct ActivationOperands {
  ConstTensorView x;      ///< [outer, channels, inner]
  Activation activation;  ///< The function, with its slopes.
  TensorView y;           ///< May be x's memory.
};

/// One implementation.
using ActivationRow = KernelRow<ActivationProblem, ActivationOperands>;

/// The ordered table of a device type.
std::span<const ActivationRow> activation_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if there are no elements. Throws: as
/// validate, check_operand, check_activation and run do.
void activation(const ActivationProblem& problem, const ActivationOperands& operands, ModuleName layer,
                ExecutionContext& ctx);

}  // namespace upconv::kernels
