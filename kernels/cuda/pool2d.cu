#include <upconv/kernels/cuda/pool2d.h>
#include <upconv/kernels/cuda/rows.h>

// Maxima and means of windows: x is read from memory once, its rows again from the caches; y is written once.
//
// cuda.block: a block of 256 threads an output, where windows are large: 16 bytes an access, rows shared by
//   as many threads as that takes, whole images as one run. If images are too few to fill the device, several
//   blocks share one, and a second kernel joins what they found, in a fixed order.
// cuda.strips: frequent windows (pool_strips.cu).
// cuda.window: a thread an output.
namespace upconv::kernels::cuda::pooling {

namespace {

constexpr std::int64_t kMostSize = 0x3fffffff;  // sizes and positions are int on the device
constexpr double kLargeWindow = 256;
constexpr std::int64_t kBlocksPerMultiprocessor = 8;
constexpr std::int64_t kSmallestPart = 16384;  // elements of a part of a window

/// Blocks that share a window: more than one if windows are whole planes, and too few to fill the device.
std::int64_t parts_of(const PoolProblem& p, const ExecutionContext& ctx) {
  if (!p.adaptive || p.oh != 1 || p.ow != 1 || p.planes == 0) return 1;
  const std::int64_t fill = std::int64_t{ctx.caps().multiprocessors} * kBlocksPerMultiprocessor;
  return std::max<std::int64_t>(1, std::min(fill / p.planes, p.ih * p.iw / kSmallestPart));
}

/// Threads that share a row of a window: as many as take it in one access of 16 bytes each, or two.
int lanes_of(const PoolProblem& p) {
  const std::int64_t columns = p.adaptive ? p.iw / p.ow : p.kw;
  const std::int64_t packs = columns * static_cast<std::int64_t>(size_of(p.dtype)) / 16;
  int lanes = 4;
  while (lanes < packs && lanes < 256)
    lanes *= 2;
  return lanes;
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

std::size_t workspace_of_block(const PoolProblem& p, const ExecutionContext& ctx) {
  const std::int64_t parts = parts_of(p, ctx);
  return parts == 1 ? 0 : static_cast<std::size_t>(p.planes * parts) * sizeof(float);
}

void launch_block(const PoolProblem& p, const PoolOperands& operands, ExecutionContext& ctx) {
  const std::int64_t parts = parts_of(p, ctx), outputs = p.planes * p.oh * p.ow;
  Workspace::Scope scratch(ctx.workspace());
  auto* partial = parts == 1 ? nullptr : static_cast<float*>(scratch.take(workspace_of_block(p, ctx)));
  visit_kind(p, [&]<class T, bool kMax>(std::type_identity<T>, std::bool_constant<kMax>) {
    auto* y = static_cast<T*>(operands.y.raw());
    launch_kernel(device::pool2d_block<T, kMax>, outputs * parts, 256, ctx,
                  static_cast<const T*>(operands.x.raw()), y, partial, divisor_of(parts), lanes_of(p),
                  arguments_of(p));
    if (parts == 1) return;
    launch_kernel(device::pool2d_parts<T, kMax>, (outputs + 255) / 256, 256, ctx, partial, y,
                  static_cast<std::uint32_t>(outputs), static_cast<int>(parts), arguments_of(p));
  });
}

}  // namespace upconv::kernels::cuda::pooling
