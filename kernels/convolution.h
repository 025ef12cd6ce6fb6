#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/activation.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// How Conv2d reads beyond the border of its input.
enum class PaddingMode : std::uint8_t { zeros, reflect, replicate };

/// "zeros", "reflect", "replicate"
std::string_view name_of(PaddingMode mode);

/// One convolution, ordinary or transposed: everything that selects and parametrises a kernel. Plain data.
/// Ordinary: OH = (IH + 2*pad_h - dilation_h*(KH-1) - 1) / stride_h + 1, rounded down.
/// Transposed: OH = (IH-1)*stride_h - 2*pad_h + dilation_h*(KH-1) + output_pad_h + 1. Widths alike.
/// Source: torch.nn.functional.conv2d and conv_transpose2d.
struct ConvProblem {
  bool transposed = false;    ///< Which of the two kinds.
  std::int64_t n = 1;         ///< Batch.
  std::int64_t ci = 1;        ///< Channels of x.
  std::int64_t ih = 1;        ///< Height of x.
  std::int64_t iw = 1;        ///< Width of x.
  std::int64_t co = 1;        ///< Channels of y.
  std::int64_t kh = 1;        ///< Height of the kernel.
  std::int64_t kw = 1;        ///< Width of the kernel.
  std::int64_t stride_h = 1;  ///< Step of the kernel over x, or, transposed, over y.
  std::int64_t stride_w = 1;  ///< The same along the width.
  std::int64_t pad_h = 0;     ///< Rows added on both sides of x, or, transposed, cut off on both sides of y.
  std::int64_t pad_w = 0;     ///< The same along the width.
  std::int64_t output_pad_h = 0;                  ///< Transposed only: rows added to y at its end.
  std::int64_t output_pad_w = 0;                  ///< The same along the width.
  std::int64_t dilation_h = 1;                    ///< Distance of the kernel's taps.
  std::int64_t dilation_w = 1;                    ///< The same along the width.
  std::int64_t groups = 1;                        ///< Groups of channels that do not mix.
  PaddingMode padding_mode = PaddingMode::zeros;  ///< Ordinary only.
  DType dtype = DType::f32;                       ///< Of every operand.
  Precision precision = Precision::fp32;          ///< Of f32 tensors.
  /// Whether every weight is finite, as is_finite says. Some kernels multiply zeros of the padding, which is
  /// only then the same as having no product there.
  bool finite_weight = true;

  // What follows means something if `validate` accepts the problem.
  /// Height of the output.
  std::int64_t oh() const;
  /// Width of the output.
  std::int64_t ow() const;
  /// Input channels of one group.
  std::int64_t ci_per_group() const { return groups == 0 ? 0 : ci / groups; }
  /// Output channels of one group.
  std::int64_t co_per_group() const { return groups == 0 ? 0 : co / groups; }
  /// [Ci, Co/groups, KH, KW] if transposed, else [Co, Ci/groups, KH, KW].
  Shape weight_shape() const;
  /// [N, Ci, IH, IW]
  Shape x_shape() const { return {n, ci, ih, iw}; }
  /// [N, Co, OH, OW]
  Shape y_shape() const { return {n, co, oh(), ow()}; }
  /// Floating-point operations, two a product; padding counts, as in PyTorch's counter.
  double flops() const;

  /// "conv_transpose2d" or "conv2d"
  std::string_view op() const;
  /// "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32"; an ordinary convolution has its padding mode
  /// in place of the output padding ("_zeros"), and permitted TF32 reads "_tf32". Weights that are not all
  /// finite end it with "_nonfinite".
  std::string to_string() const;
  /// The inverse of to_string. Throws: ArgumentError on any other text.
  static ConvProblem parse(std::string_view text);

  /// Equal in every field.
  friend bool operator==(const ConvProblem&, const ConvProblem&) = default;
};

/// Throws ArgumentError, in PyTorch's words, unless a layer with these channels, kernel, strides and groups
/// can exist; the image size is not looked at.
void validate_layer(const ConvProblem& problem);

/// Throws ArgumentError, ShapeError or DTypeError unless the whole problem makes sense: a layer that can
/// exist, positive sizes (a zero batch is fine), an output of at least one pixel, reflected padding below the
/// input's size, and sizes whose products stay within 64 bits.
void validate(const ConvProblem& problem);

/// The operands of one call, all on the context's device.
struct ConvOperands {
  ConstTensorView x;              ///< [N, Ci, IH, IW]
  ConstTensorView weight;         ///< problem.weight_shape(), as PyTorch stores it.
  ConstTensorView packed_weight;  ///< The same weight as pack_weight wrote it for this device.
  ConstTensorView bias;           ///< [Co], or not defined.
  Activation activation;          ///< Applied after the bias; slopes [1] or [Co].
  TensorView y;                   ///< [N, Co, OH, OW]
};

/// One implementation.
using ConvRow = KernelRow<ConvProblem, ConvOperands>;

/// The ordered table of a device type; one for both kinds of convolution, which share their engine.
std::span<const ConvRow> convolution_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if y has no elements. Throws: as validate,
/// check_operand, check_activation and run do.
void convolution(const ConvProblem& problem, const ConvOperands& operands, ModuleName layer,
                 ExecutionContext& ctx);

/// Whether no element of a weight, on any device, is infinite or NaN. Looked at once, at prepare.
/// Throws: ArgumentError if it is undefined.
bool is_finite(const ConstTensorView& weight);

/// Packs a weight for the kernels of `device`, once, at prepare. `problem` gives channels, kernel, groups and
/// type; its image size does not matter. The layout is written down in convolution_pack.h. Throws: as
/// validate_layer; as check_operand if the weight does not fit.
Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight, Device device);

}  // namespace upconv::kernels
