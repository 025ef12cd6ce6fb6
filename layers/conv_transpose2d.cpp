#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/conv_transpose2d.h>

namespace upconv {

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& options)
    : ConvolutionLayer("ConvTranspose2d",
                       {.transposed = true,
                        .ci = options.in_channels,
                        .co = options.out_channels,
                        .kh = options.kernel_size.h,
                        .kw = options.kernel_size.w,
                        .stride_h = options.stride.h,
                        .stride_w = options.stride.w,
                        .pad_h = options.padding.h,
                        .pad_w = options.padding.w,
                        .output_pad_h = options.output_padding.h,
                        .output_pad_w = options.output_padding.w,
                        .dilation_h = options.dilation.h,
                        .dilation_w = options.dilation.w,
                        .groups = options.groups},
                       options.bias) {}

Tensor ConvTranspose2d::forward_to_size(ConstTensorView x, Size2d output_size, ExecutionContext& ctx) const {
  check_input(x, ctx);
  kernels::ConvProblem problem = problem_for(x.spec());
  const Size2d least(problem.oh() - problem.output_pad_h, problem.ow() - problem.output_pad_w);
  const Size2d most(least.h + problem.stride_h - 1, least.w + problem.stride_w - 1);
  if (output_size.h < least.h || output_size.w < least.w || output_size.h > most.h ||
      output_size.w > most.w) {
    const auto brackets = [](Size2d size) { return message('[', size.h, ", ", size.w, ']'); };
    throw ShapeError(message(display_name(), ": requested an output size of ", brackets(output_size),
                             ", but valid sizes range from ", brackets(least), " to ", brackets(most),
                             " (for an input of ", brackets({problem.ih, problem.iw}), ')'));
  }
  problem.output_pad_h = output_size.h - least.h;
  problem.output_pad_w = output_size.w - least.w;
  check(problem);
  const TensorSpec spec = spec_of(problem, x.spec());
  Tensor y = make_output(spec, ctx);
  run(problem, x, {}, y, ctx);
  return y;
}

}  // namespace upconv
