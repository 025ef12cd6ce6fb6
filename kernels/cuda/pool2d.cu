#include <upconv/kernels/cuda/device/pool2d.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// Maxima and means of windows: x is read from memory once, its rows again from the caches; y is written once.
//
// cuda.block: a block of 256 threads an output, where windows are large, as the mean of a whole image is.
// cuda.window: a thread an output.
namespace upconv::kernels::cuda::pooling {

namespace {

constexpr std::int64_t kMostSize = 0x3fffffff;  // sizes and positions are int on the device
constexpr double kLargeWindow = 256;

device::PoolArguments arguments_of(const PoolProblem& p) {
  const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
  return {.adaptive = p.adaptive,
          .include_pad = p.include_pad,
          .ih = narrow(p.ih),
          .iw = narrow(p.iw),
          .oh = narrow(p.oh),
          .ow = narrow(p.ow),
          .kh = narrow(p.kh),
          .kw = narrow(p.kw),
          .stride_h = narrow(p.stride_h),
          .stride_w = narrow(p.stride_w),
          .pad_h = narrow(p.pad_h),
          .pad_w = narrow(p.pad_w),
          .dilation_h = narrow(p.dilation_h),
          .dilation_w = narrow(p.dilation_w),
          .divisor = static_cast<float>(p.divisor),
          .columns = divisor_of(p.ow),
          .rows = divisor_of(p.oh)};
}

/// Calls visit(std::type_identity<T>, std::bool_constant<is a maximum>).
template <class Visit>
void visit_kind(const PoolProblem& p, Visit&& visit) {
  visit_device_dtype(p.dtype, [&]<class T>(std::type_identity<T> type) {
    switch (p.kind) {
      case PoolKind::max:
        return visit(type, std::true_type{});
      case PoolKind::average:
        return visit(type, std::false_type{});
    }
  });
}

}  // namespace

Verdict supports_window(const PoolProblem& p, const DeviceCaps&) {
  for (const std::int64_t size : {p.ih, p.iw, p.oh, p.ow, p.kh * p.dilation_h, p.kw * p.dilation_w,
                                  p.stride_h * p.oh, p.stride_w * p.ow}) {
    if (size > kMostSize) return Verdict::no("sizes must be below 2^30");
  }
  return Verdict::yes();
}

Verdict supports_block(const PoolProblem& p, const DeviceCaps& caps) {
  const double rows =
      p.adaptive ? static_cast<double>(p.ih) / static_cast<double>(p.oh) : static_cast<double>(p.kh);
  const double columns =
      p.adaptive ? static_cast<double>(p.iw) / static_cast<double>(p.ow) : static_cast<double>(p.kw);
  if (rows * columns < kLargeWindow) return Verdict::no("only for windows of 256 elements and more");
  if (rows * columns > static_cast<double>(kMostSize))
    return Verdict::no("windows must have fewer than 2^30 elements");
  if (p.planes * p.oh * p.ow > 0x7fffffff) return Verdict::no("there must be fewer than 2^31 outputs");
  return supports_window(p, caps);
}

void launch_window(const PoolProblem& p, const PoolOperands& operands, ExecutionContext& ctx) {
  const std::int64_t count = p.planes * p.oh * p.ow;
  visit_kind(p, [&]<class T, bool kMax>(std::type_identity<T>, std::bool_constant<kMax>) {
    const auto launch = [&]<class Index>(std::type_identity<Index>) {
      launch_grid_stride(device::pool2d<T, kMax, Index>, count, ctx, static_cast<const T*>(operands.x.raw()),
                         static_cast<T*>(operands.y.raw()), static_cast<Index>(count), arguments_of(p));
    };
    count < kFewestFor64Bits ? launch(std::type_identity<std::uint32_t>{})
                             : launch(std::type_identity<std::uint64_t>{});
  });
}

void launch_block(const PoolProblem& p, const PoolOperands& operands, ExecutionContext& ctx) {
  visit_kind(p, [&]<class T, bool kMax>(std::type_identity<T>, std::bool_constant<kMax>) {
    launch_kernel(device::pool2d_block<T, kMax>, p.planes * p.oh * p.ow, 256, ctx,
                  static_cast<const T*>(operands.x.raw()), static_cast<T*>(operands.y.raw()),
                  arguments_of(p));
  });
}

}  // namespace upconv::kernels::cuda::pooling
