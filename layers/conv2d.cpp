#include <upconv/layers/conv2d.h>

namespace upconv {

Conv2d::Conv2d(const Conv2dOptions& options)
    : ConvolutionLayer("Conv2d",
                       {.ci = options.in_channels,
                        .co = options.out_channels,
                        .kh = options.kernel_size.h,
                        .kw = options.kernel_size.w,
                        .stride_h = options.stride.h,
                        .stride_w = options.stride.w,
                        .pad_h = options.padding.h,
                        .pad_w = options.padding.w,
                        .dilation_h = options.dilation.h,
                        .dilation_w = options.dilation.w,
                        .groups = options.groups,
                        .padding_mode = options.padding_mode},
                       options.bias) {}

}  // namespace upconv
