#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/epilogue.h>
#include <upconv/kernels/packed_weight.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// How Conv2d reads beyond the border of its input.
enum class PaddingMode : std::uint8_t { zeros, reflect, replicate, circular };

/// "zeros", "reflect", "replicate", "circular"
std::string_view name_of(PaddingMode mode);

/// One convolution, ordinary or transposed: everything that selects and parametrises a kernel. Plain data.
/// Ordinary: OH = (IH + 2*pad_h + pad_end_h - dilation_h*(KH-1) - 1) / stride_h + 1, rounded down.
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
  /// Ordinary only: by how many more rows x is padded at its end than at its beginning; at least -pad_h.
  std::int64_t pad_end_h = 0;
  std::int64_t pad_end_w = 0;                     ///< The same along the width.
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
  EpilogueForm epilogue = {};  ///< What follows the sums: rows take some rungs, or all.

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
  /// in place of the output padding ("_zeros"), and permitted TF32 reads "_tf32". Padding that is not the
  /// same at both ends adds "_e0x1" to what it is at the beginning. Weights that are not all finite add
  /// "_nonfinite", an epilogue its rungs, as "+affine+relu".
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
/// input's size, circular padding of at most that size, and sizes whose products stay within 64 bits.
void validate(const ConvProblem& problem);

/// The operands of one call, all on the context's device.
struct ConvOperands {
  ConstTensorView x;       ///< [N, Ci, IH, IW]
  ConstTensorView weight;  ///< problem.weight_shape(), as PyTorch stores it.
  const PackedWeight* packed_weight =
      nullptr;        ///< The same weight as pack_weight wrote it for this device, or null.
  Epilogue epilogue;  ///< What is done with the sums.
  TensorView y;       ///< [N, Co, OH, OW]
};

/// One implementation, with the weight that it packs at prepare, if it does. Of `layer` the size of the image
/// does not matter.
struct ConvRow : KernelRow<ConvProblem, ConvOperands> {
  /// Bytes of the weight in one of the row's layouts; 0 if the row cannot run the layer on such a device at
  /// any size. Null if the row reads the weight as PyTorch stores it; so are then the other two.
  std::size_t (*packed_bytes)(const ConvProblem& layer, const DeviceCaps& caps, int layout) = nullptr;
  /// The layout that suits this weight, which is on the CPU; null: there is one, 0.
  int (*choose_layout)(const ConvProblem& layer, const ConstTensorView& weight, int threads) = nullptr;
  /// Writes packed_bytes bytes, each of them, on up to so many threads.
  void (*pack)(const ConvProblem& layer, int layout, const ConstTensorView& weight, void* packed,
               int threads) = nullptr;
};

/// The weight that this row reads. Throws: StateError if it was not packed.
const PackedSection& packed_section(const ConvOperands& operands, std::string_view row);

/// Throws: StateError unless the weight was packed for the row, if it reads a packed one; DeviceError if that
/// lies elsewhere than the context runs; ShapeError if it was packed for another layer.
void check_packed(const ConvRow& row, const ConvProblem& problem, const ConvOperands& operands,
                  ModuleName layer, const ExecutionContext& ctx);

/// The ordered table of a device type; one for both kinds of convolution, which share their engine.
std::span<const ConvRow> convolution_rows(Device::Type type);

/// Checks the operands, selects a row and runs it; nothing runs if y has no elements. The epilogue of
/// `problem` is that of the operands, whatever it was. Throws: as validate, check_operand, check_epilogue and
/// run do.
void convolution(ConvProblem problem, const ConvOperands& operands, ModuleName layer, ExecutionContext& ctx);

/// Whether no element of a weight, on any device, is infinite or NaN. Looked at once, at prepare, on up to so
/// many threads. Throws: ArgumentError if it is undefined.
bool is_finite(const ConstTensorView& weight, int threads = 1);

/// The row for which pack_weight packs a layer's weight on such a device: the one of this name, or, without a
/// name, the first that can run the layer and reads a packed weight. Null if there is none. Pure.
const ConvRow* packing_row(const ConvProblem& layer, const DeviceCaps& caps, std::string_view forced);

/// Packs a weight for the row that this context would run the layer with: the one that its policy forces,
/// else the first of the table that can; nothing if that row reads the weight as it is. Once, at prepare, on
/// the context's threads. `layer` gives channels, kernel, groups, type and precision; its image size does not
/// matter. Throws: as validate_layer; as check_operand if the weight does not fit; DeviceError if it is on
/// another device than the CPU and the context's; CudaError.
PackedWeight pack_weight(const ConvProblem& layer, const ConstTensorView& weight,
                         const ExecutionContext& ctx);
/// The same for every row of a device's table that can run the layer in any precision, for those who choose
/// rows themselves.
PackedWeight pack_weight(const ConvProblem& layer, const ConstTensorView& weight, Device device);

}  // namespace upconv::kernels
