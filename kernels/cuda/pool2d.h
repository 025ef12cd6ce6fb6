#pragma once

#include <upconv/kernels/cuda/device/pool2d.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/pool2d.h>

/// What the launchers of pooling share. For .cu files.
namespace upconv::kernels::cuda::pooling {

inline device::PoolArguments arguments_of(const PoolProblem& p) {
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

}  // namespace upconv::kernels::cuda::pooling
