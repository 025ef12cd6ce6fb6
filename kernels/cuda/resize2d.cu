#include <cmath>

#include <upconv/kernels/cuda/device/resize2d.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// Images in another size: x is read from memory once, its rows again from the caches; y is written once. What
// pixels of y are made of is computed once for several planes.
//
// cuda.nearest: a thread makes 16 bytes of a row, in planes that follow each other.
// cuda.tiles: one axis after the other in shared memory, tiles of 128 columns and up to 32 rows.
// cuda.plain: a thread a pixel, with all its taps: where pixels of y share few of x, and images of any size.
namespace upconv::kernels::cuda::resizing {

namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMostSize = std::int64_t{1} << 22;    // positions in f32 are then off by less than 0.5
constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;  // of a plane, counted in 32 bits
constexpr std::int64_t kMostBlocks = 0x7fffffff;
constexpr std::int64_t kMostGroup = 8;                 // planes of a block
constexpr std::int64_t kBlocksPerMultiprocessor = 32;  // that should be there before groups grow
constexpr float kLargestSharedStep = 2.0f;             // beyond, most rows of x are read for nothing

device::ResizeAxisArguments axis_arguments(const ResizeProblem& p, const ResizeAxis& axis) {
  return {static_cast<int>(axis.in), static_cast<int>(axis.out), static_cast<int>(resize_taps(p, axis)),
          axis.step};
}

device::ResizeArguments arguments_of(const ResizeProblem& p) {
  return {.rows = axis_arguments(p, row_axis(p)),
          .columns = axis_arguments(p, column_axis(p)),
          .align_corners = p.align_corners,
          .cubic = p.kind == ResizeKind::bicubic,
          .exact = p.kind == ResizeKind::nearest_exact};
}

bool is_nearest(const ResizeProblem& p) {
  return p.kind == ResizeKind::nearest || p.kind == ResizeKind::nearest_exact;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Planes of a block: a few where there are blocks enough for every multiprocessor.
std::int64_t group_of(const ResizeProblem& p, std::int64_t blocks_per_plane, const ExecutionContext& ctx) {
  const std::int64_t wanted = std::int64_t{ctx.caps().multiprocessors} * kBlocksPerMultiprocessor;
  return std::clamp<std::int64_t>(p.planes * blocks_per_plane / wanted, 1, kMostGroup);
}

Verdict counted_in_32_bits(const ResizeProblem& p) {
  if (p.ih * p.iw > kMostPixels || p.oh * p.ow > kMostPixels)
    return Verdict::no("planes must have at most 2^30 pixels");
  if (p.planes > kMostPixels) return Verdict::no("there must be at most 2^30 planes");
  return Verdict::yes();
}

/// Rows of y in a tile, and what follows from them.
struct TilePlan {
  std::int64_t rows = 0, lines = 0, shared_bytes = 0;
};

TilePlan tiles_of_rows(const ResizeProblem& p, std::int64_t rows) {
  const ResizeAxis axis = row_axis(p);
  const std::int64_t taps = resize_taps(p, axis);
  // Two more rows of x than in exact arithmetic.
  const double reach = std::ceil(static_cast<double>(rows - 1) * static_cast<double>(axis.step));
  const std::int64_t lines = std::min(static_cast<std::int64_t>(reach) + taps + 2, p.ih);
  const std::int64_t column_weights = p.antialias ? resize_taps(p, column_axis(p)) : 0;
  const std::int64_t floats = device::kResizeColumns * ((p.antialias ? 1 : 2) * lines + column_weights);
  return {rows, lines, 4 * (floats + rows * (2 * taps + 1))};
}

/// The highest tile that leaves room for eight blocks on a multiprocessor; else what a block can have; of no
/// rows if that is not enough.
TilePlan plan_tiles(const ResizeProblem& p) {
  for (const std::int64_t room : {28 * 1024, 48 * 1024}) {
    for (std::int64_t rows = 32; rows > 0; rows /= 2) {
      const TilePlan plan = tiles_of_rows(p, rows);
      if (plan.shared_bytes <= room) return plan;
    }
  }
  return {};
}

std::int64_t tiles_of_plane(const ResizeProblem& p, const TilePlan& plan) {
  return ceil_div(p.ow, device::kResizeColumns) * ceil_div(p.oh, plan.rows);
}

/// True if packs of `bytes` cover the rows of y where they begin.
bool takes_packs(const ResizeProblem& p, const ResizeOperands& operands, std::int64_t bytes) {
  return p.ow * size_of(p.dtype) % bytes == 0 &&
         reinterpret_cast<std::uintptr_t>(operands.y.raw()) % static_cast<std::uintptr_t>(bytes) == 0;
}

/// launch_kernel with shared memory whose size the launch decides: up to 48 KB for each block.
template <class... Params, class... Args>
void launch_with_shared(void (*kernel)(Params...), std::int64_t blocks, std::int64_t shared_bytes,
                        ExecutionContext& ctx, const Args&... args) {
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream_of(ctx);
  upconv::cuda::check(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...),
                      "cudaLaunchKernelEx");
}

template <class W, int V>
void launch_nearest_of(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  const std::int64_t packs = p.ow / V, blocks = ceil_div(p.oh * packs, kThreads);
  const std::int64_t group = group_of(p, blocks, ctx);
  launch_kernel(device::resize2d_nearest<W, V>, blocks * ceil_div(p.planes, group), kThreads, ctx,
                static_cast<const W*>(operands.x.raw()), static_cast<W*>(operands.y.raw()), arguments_of(p),
                divisor_of(blocks), divisor_of(packs), static_cast<int>(p.planes), static_cast<int>(group));
}

template <class T, int kTaps, int V>
void launch_tiles_of(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  const TilePlan plan = plan_tiles(p);
  const std::int64_t tiles = tiles_of_plane(p, plan);
  const std::int64_t group = group_of(p, tiles, ctx);
  const device::ResizeTiles arguments{.rows = static_cast<int>(plan.rows),
                                      .lines = static_cast<int>(plan.lines),
                                      .planes = static_cast<int>(p.planes),
                                      .group = static_cast<int>(group),
                                      .across = divisor_of(ceil_div(p.ow, device::kResizeColumns)),
                                      .down = divisor_of(ceil_div(p.oh, plan.rows))};
  launch_with_shared(device::resize2d_tiles<T, kTaps, V>, tiles * ceil_div(p.planes, group),
                     plan.shared_bytes, ctx, static_cast<const T*>(operands.x.raw()),
                     static_cast<T*>(operands.y.raw()), arguments_of(p), arguments);
}

/// Calls visit(std::integral_constant<int, taps of an axis>), 0 where downscaling averages.
template <class Visit>
void visit_taps(const ResizeProblem& p, Visit&& visit) {
  if (p.antialias) return visit(std::integral_constant<int, 0>{});
  switch (p.kind) {
    case ResizeKind::nearest:
    case ResizeKind::nearest_exact:
      return visit(std::integral_constant<int, 1>{});
    case ResizeKind::bilinear:
      return visit(std::integral_constant<int, 2>{});
    case ResizeKind::bicubic:
      return visit(std::integral_constant<int, 4>{});
  }
}

}  // namespace

Verdict supports_nearest(const ResizeProblem& p, const DeviceCaps&) {
  if (!is_nearest(p)) return Verdict::no("only for nearest and nearest-exact");
  if (p.planes * ceil_div(p.oh * p.ow, kThreads) > kMostBlocks)
    return Verdict::no("there must be fewer than 2^31 blocks");
  return counted_in_32_bits(p);
}

Verdict supports_tiles(const ResizeProblem& p, const DeviceCaps&) {
  if (is_nearest(p)) return Verdict::no("only for bilinear and bicubic");
  if (std::max({p.ih, p.iw, p.oh, p.ow}) > kMostSize) return Verdict::no("sizes must be at most 2^22");
  if (!p.antialias && row_axis(p).step > kLargestSharedStep)
    return Verdict::no("rows of y share no rows of x, without antialias");
  const TilePlan plan = plan_tiles(p);
  if (plan.rows == 0) return Verdict::no("a row of y needs more rows of x than shared memory holds");
  if (p.planes * tiles_of_plane(p, plan) > kMostBlocks)
    return Verdict::no("there must be fewer than 2^31 tiles");
  return counted_in_32_bits(p);
}

Verdict supports_plain(const ResizeProblem& p, const DeviceCaps&) {
  if (std::max({p.ih, p.iw, p.oh, p.ow}) > kMostPixels) return Verdict::no("sizes must be at most 2^30");
  return Verdict::yes();
}

void launch_nearest(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  const bool wide = takes_packs(p, operands, 16);
  if (size_of(p.dtype) == 4) {
    wide ? launch_nearest_of<std::uint32_t, 4>(p, operands, ctx)
         : launch_nearest_of<std::uint32_t, 1>(p, operands, ctx);
  } else {
    wide ? launch_nearest_of<std::uint16_t, 8>(p, operands, ctx)
         : launch_nearest_of<std::uint16_t, 1>(p, operands, ctx);
  }
}

void launch_tiles(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  visit_device_dtype(p.dtype, [&]<class T>(std::type_identity<T>) {
    visit_taps(p, [&]<int kTaps>(std::integral_constant<int, kTaps>) {
      if constexpr (kTaps != 1) {
        takes_packs(p, operands, 4 * sizeof(T)) ? launch_tiles_of<T, kTaps, 4>(p, operands, ctx)
                                                : launch_tiles_of<T, kTaps, 1>(p, operands, ctx);
      }
    });
  });
}

void launch_plain(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  const std::int64_t count = p.planes * p.oh * p.ow;
  constexpr std::int64_t kBlocks = 8;  // for each multiprocessor
  const std::int64_t blocks =
      std::min(ceil_div(count, kThreads), std::int64_t{ctx.caps().multiprocessors} * kBlocks);
  visit_device_dtype(p.dtype, [&]<class T>(std::type_identity<T>) {
    visit_taps(p, [&]<int kTaps>(std::integral_constant<int, kTaps>) {
      const auto launch = [&]<class Index>(std::type_identity<Index>) {
        launch_kernel(device::resize2d_plain<T, kTaps, Index>, blocks, kThreads, ctx,
                      static_cast<const T*>(operands.x.raw()), static_cast<T*>(operands.y.raw()),
                      static_cast<Index>(count), divisor_of(p.ow), divisor_of(p.oh), arguments_of(p));
      };
      count < kFewestFor64Bits ? launch(std::type_identity<std::uint32_t>{})
                               : launch(std::type_identity<std::uint64_t>{});
    });
  });
}

}  // namespace upconv::kernels::cuda::resizing
