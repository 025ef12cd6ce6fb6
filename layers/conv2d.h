#pragma once

#include <upconv/layers/convolution_layer.h>

namespace upconv {

/// Options of Conv2d; names and defaults are torch.nn.Conv2d's.
struct Conv2dOptions {
  std::int64_t in_channels = 0;                   ///< Ci.
  std::int64_t out_channels = 0;                  ///< Co.
  Size2d kernel_size = 0;                         ///< KH, KW.
  Size2d stride = 1;                              ///< Step of the kernel over the input.
  Size2d padding = 0;                             ///< Rows and columns added on both sides of the input.
  Size2d dilation = 1;                            ///< Distance of the kernel's taps.
  std::int64_t groups = 1;                        ///< Groups of channels that do not mix.
  bool bias = true;                               ///< With a bias.
  PaddingMode padding_mode = PaddingMode::zeros;  ///< zeros, reflect, replicate or circular.
};

/// 2-D convolution (cross-correlation) plus bias.
/// OH = (IH + 2*pad_h - dilation_h*(KH-1) - 1) / stride_h + 1, rounded down; OW alike.
/// Shape: x [N,Ci,IH,IW] or [Ci,IH,IW]; weight [Co,Ci/groups,KH,KW]; bias [Co]; y [N,Co,OH,OW] or [Co,OH,OW].
/// DType: f32, f16, bf16, accumulated in f32. NCHW, contiguous.
/// Execution: deterministic; scratch from ctx.
/// Throws: ArgumentError on impossible options; ShapeError, DTypeError, DeviceError; StateError if not
/// prepared. Source: torch.nn.Conv2d.
class Conv2d : public ConvolutionLayer {
 public:
  /// Throws: ArgumentError on impossible options.
  explicit Conv2d(const Conv2dOptions& options);
};

}  // namespace upconv
