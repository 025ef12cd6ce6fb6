#include <upconv/kernels/cuda/device/pool_strips.cuh>
#include <upconv/kernels/cuda/pool2d.h>
#include <upconv/kernels/cuda/rows.h>

// cuda.strips: the windows that networks have most: 2 x 2 and 3 x 3 at stride 2, 3 x 3 and 5 x 5 at stride 1.
//
// A thread makes a strip of y that is 16 bytes wide and 2, 4 or (5 x 5) 8 rows high. It walks down the rows
// of x, joins each along the windows in registers, and joins that to the rows of y whose windows have it: 8
// operations for 25 pixels, and each pixel is read once by a thread, by 1.5 at most. x is read in accesses of
// 16 bytes and single pixels beside them, from the L1 cache; strips at the left and right edge pixel by
// pixel.
namespace upconv::kernels::cuda::pooling {

namespace {

/// Calls visit.operator()<size, stride, pad>() if there is such a kernel; false if not.
template <class Visit>
bool visit_window(const PoolProblem& p, Visit&& visit) {
  const auto is = [&](std::int64_t size, std::int64_t stride, std::int64_t pad) {
    return p.kh == size && p.kw == size && p.stride_h == stride && p.stride_w == stride && p.pad_h == pad &&
           p.pad_w == pad && p.dilation_h == 1 && p.dilation_w == 1 && !p.adaptive;
  };
  if (is(2, 2, 0)) return visit.template operator()<2, 2, 0>(), true;
  if (is(3, 2, 0)) return visit.template operator()<3, 2, 0>(), true;
  if (is(3, 2, 1)) return visit.template operator()<3, 2, 1>(), true;
  if (is(3, 1, 1)) return visit.template operator()<3, 1, 1>(), true;
  if (is(5, 1, 2)) return visit.template operator()<5, 1, 2>(), true;
  return false;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

bool begins_packs(const void* address, std::int64_t row_bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0 && row_bytes % 16 == 0;
}

}  // namespace

Verdict supports_strips(const PoolProblem& p, const DeviceCaps& caps) {
  if (!visit_window(p, []<int, int, int>() {}))
    return Verdict::no("only for square windows: 2 and 3 at stride 2, 3 and 5 at stride 1");
  if (p.planes * ceil_div(p.oh, 2) * ceil_div(p.ow, 4) >= kFewestFor64Bits)
    return Verdict::no("there must be fewer than 2^30 strips");
  return supports_window(p, caps);
}

void launch_strips(const PoolProblem& p, const PoolOperands& operands, ExecutionContext& ctx) {
  visit_kind(p, [&]<class T, bool kMax>(std::type_identity<T>, std::bool_constant<kMax>) {
    visit_window(p, [&]<int kSize, int kStride, int kPad>() {
      using Strip = device::PoolStrip<T, kSize, kStride, kPad>;
      const std::int64_t strips = ceil_div(p.ow, Strip::kWidth), bands = ceil_div(p.oh, Strip::kRows);
      const std::int64_t count = p.planes * bands * strips, bytes = sizeof(T);
      launch_kernel(device::pool2d_strips<T, kMax, Strip>, ceil_div(count, 256), 256, ctx,
                    static_cast<const T*>(operands.x.raw()), static_cast<T*>(operands.y.raw()),
                    static_cast<std::uint32_t>(count), divisor_of(strips), divisor_of(bands),
                    begins_packs(operands.x.raw(), p.iw * bytes),
                    begins_packs(operands.y.raw(), p.ow * bytes), arguments_of(p));
    });
  });
}

}  // namespace upconv::kernels::cuda::pooling
