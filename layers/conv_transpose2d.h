#pragma once

#include <upconv/layers/convolution_layer.h>

namespace upconv {

/// Options of ConvTranspose2d; names and defaults are torch.nn.ConvTranspose2d's.
struct ConvTranspose2dOptions {
  std::int64_t in_channels = 0;   ///< Ci.
  std::int64_t out_channels = 0;  ///< Co.
  Size2d kernel_size = 0;         ///< KH, KW.
  Size2d stride = 1;              ///< Step of the kernel over the output.
  Size2d padding = 0;             ///< Rows and columns cut off on both sides of the output.
  Size2d output_padding = 0;      ///< Rows and columns added to the output at its end.
  std::int64_t groups = 1;        ///< Groups of channels that do not mix.
  bool bias = true;               ///< With a bias.
  Size2d dilation = 1;            ///< Distance of the kernel's taps.
};

/// Transposed 2-D convolution: the adjoint of Conv2d with the same weight, plus bias.
/// OH = (IH-1)*stride_h - 2*pad_h + dilation_h*(KH-1) + output_pad_h + 1; OW alike.
/// Shape: x [N,Ci,IH,IW] or [Ci,IH,IW]; weight [Ci,Co/groups,KH,KW]; bias [Co]; y [N,Co,OH,OW] or [Co,OH,OW].
/// DType: f32, f16, bf16, accumulated in f32. NCHW, contiguous.
/// Execution: deterministic; scratch from ctx.
/// Throws: ArgumentError on impossible options; ShapeError, DTypeError, DeviceError; StateError if not
/// prepared. Source: torch.nn.ConvTranspose2d.
class ConvTranspose2d : public ConvolutionLayer {
 public:
  /// Throws: ArgumentError on impossible options.
  explicit ConvTranspose2d(const ConvTranspose2dOptions& options);

  /// As forward, with the output padding chosen so that y is `output_size`, as PyTorch's `output_size`
  /// argument. Throws: ShapeError, naming the sizes that can be had, if this one cannot.
  Tensor forward_to_size(ConstTensorView x, Size2d output_size, ExecutionContext& ctx) const;
};

}  // namespace upconv
