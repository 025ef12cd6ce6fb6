#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <upconv/framework/context.h>
#include <upconv/framework/tensor.h>
#include <upconv/kernels/activation_kind.h>

namespace upconv::kernels {

/// "none", "relu", ...
std::string_view name_of(ActivationKind kind);

/// An elementwise function with its parameters.
struct Activation {
  ActivationKind kind = ActivationKind::none;  ///< Which function.
  float a = 0.01f;                             ///< Its first parameter; leaky_relu: the factor for x < 0.
  float b = 0.0f;                              ///< Its second parameter.
  ConstTensorView slopes = {};                 ///< prelu: [1] or [C], of y's type, on y's device.
};

/// What a kernel does with a result before it stores it:
///
///     y = second(factor * first(scale[c] * (x + bias[c]) + shift[c]) + offset + residual_factor * residual)
///
/// Every rung of this ladder may be absent. All of it is computed in f32, and rounded once.
struct Epilogue {
  ConstTensorView bias = {};      ///< [C] of y's type, or not defined.
  ConstTensorView scale = {};     ///< [C] f32, or not defined; it comes with `shift`.
  ConstTensorView shift = {};     ///< [C] f32, or not defined.
  Activation first = {};          ///< Before the residual is added.
  float factor = 1.0f;            ///< Of what comes after `first`.
  float offset = 0.0f;            ///< Added to it.
  ConstTensorView residual = {};  ///< Of y's shape and type, or not defined.
  float residual_factor = 1.0f;   ///< Of the residual.
  Activation second = {};         ///< After the residual was added.
};

/// Which rungs an epilogue has, beside the bias: what a kernel is selected by.
struct EpilogueForm {
  bool affine = false;                           ///< `scale` and `shift`.
  ActivationKind first = ActivationKind::none;   ///< Before the residual.
  bool scaled = false;                           ///< `factor` or `offset`.
  bool residual = false;                         ///< A residual is added.
  ActivationKind second = ActivationKind::none;  ///< After the residual.

  /// The rungs that `epilogue` has.
  static EpilogueForm of(const Epilogue& epilogue);
  /// True if there is anything behind `first`.
  bool has_tail() const { return scaled || residual || second != ActivationKind::none; }
  /// "+affine+relu+scaled+residual+relu", or as much of it as there is; "" if there is nothing.
  std::string to_string() const;
  /// Takes the rungs that `text` begins with off it. The inverse of to_string.
  static EpilogueForm take(std::string_view& text);

  /// Equal in every field.
  friend bool operator==(const EpilogueForm&, const EpilogueForm&) = default;
};

/// True if some factor of `epilogue` goes by the channel.
bool goes_by_channel(const Epilogue& epilogue);

/// Throws unless kernels can apply `epilogue` to y of `channels` channels: ArgumentError if a kind is none of
/// the enumerators, prelu has no slopes, or scale and shift do not come together; ShapeError, DTypeError or
/// DeviceError if an operand does not fit y. `layer` is named in the message.
void check_epilogue(ModuleName layer, const Epilogue& epilogue, std::int64_t channels, ConstTensorView y);

}  // namespace upconv::kernels
