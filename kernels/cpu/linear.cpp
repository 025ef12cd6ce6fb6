// cpu.gemm.eigen: Linear by Eigen's matrix product, cut into tiles of the output, one thread each.
//
// A tile is 128 outputs by up to 256 rows, whatever the thread count, so the bits do not depend on it. y
// starts as the bias and the product is added. f16 and bf16 are converted to f32 scratch: x once, w a tile at
// a time.

#include <algorithm>
#include <array>
#include <atomic>

#include <upconv/kernels/cpu/convert.h>
#include <upconv/kernels/cpu/gemm_eigen.h>
#include <upconv/kernels/cpu/linear_reference.h>
#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_div(a, b) * b;
}

constexpr std::int64_t kLine = Buffer::kAlignment / sizeof(float);

/// Scratch in floats, each part from a cache line.
struct Layout {
  explicit Layout(const LinearProblem& p)
      : x(p.dtype == DType::f32 ? 0 : round_up(p.rows * p.in_features, kLine)),
        w(p.dtype == DType::f32 ? 0 : round_up(kGemmOut * p.in_features, kLine)),
        y(p.dtype == DType::f32 ? 0 : kGemmOut * std::min(p.rows, kGemmRows)),
        bias(p.dtype == DType::f32 ? 0 : kGemmOut),
        thread(kGemmScratch + w + round_up(y, kLine) + bias) {}
  std::int64_t x;           // [rows][in], shared
  std::int64_t w, y, bias;  // a tile's, of one thread
  std::int64_t thread;
};

/// Rows [row, row + rows) and outputs [out, out + outs) of y.
struct Tile {
  std::int64_t row, rows, out, outs;
};

void multiply_f32(const LinearProblem& p, const LinearOperands& operands, const Tile& tile, Gemm gemm,
                  float* scratch) {
  const float* bias = operands.bias.defined() ? static_cast<const float*>(operands.bias.raw()) : nullptr;
  float* y = static_cast<float*>(operands.y.raw()) + tile.row * p.out_features + tile.out;
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    float* row = y + r * p.out_features;
    if (bias) {
      std::copy_n(bias + tile.out, tile.outs, row);
    } else {
      std::fill_n(row, tile.outs, 0.0f);
    }
  }
  gemm({.w = static_cast<const float*>(operands.weight.raw()) + tile.out * p.in_features,
        .x = static_cast<const float*>(operands.x.raw()) + tile.row * p.in_features,
        .y = y,
        .out = tile.outs,
        .rows = tile.rows,
        .depth = p.in_features,
        .y_step = p.out_features,
        .scratch = scratch});
}

void multiply_converted(const LinearProblem& p, const LinearOperands& operands, const float* x,
                        const Tile& tile, Gemm gemm, const Layout& layout, float* scratch) {
  const std::int64_t size = static_cast<std::int64_t>(size_of(p.dtype));
  const auto element = [size](const ConstTensorView& tensor, std::int64_t index) {
    return static_cast<const std::byte*>(tensor.raw()) + index * size;
  };
  float* w = scratch + kGemmScratch;
  float* y = w + layout.w;
  float* bias = y + round_up(layout.y, kLine);
  convert_to_f32(p.dtype, element(operands.weight, tile.out * p.in_features), tile.outs * p.in_features, w);
  std::fill_n(bias, tile.outs, 0.0f);
  if (operands.bias.defined()) convert_to_f32(p.dtype, element(operands.bias, tile.out), tile.outs, bias);
  for (std::int64_t r = 0; r < tile.rows; ++r)
    std::copy_n(bias, tile.outs, y + r * tile.outs);
  gemm({.w = w,
        .x = x + tile.row * p.in_features,
        .y = y,
        .out = tile.outs,
        .rows = tile.rows,
        .depth = p.in_features,
        .y_step = tile.outs,
        .scratch = scratch});
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    auto* row =
        static_cast<std::byte*>(operands.y.raw()) + ((tile.row + r) * p.out_features + tile.out) * size;
    convert_from_f32(y + r * tile.outs, tile.outs, p.dtype, row);
  }
}

Verdict supports(const LinearProblem&, const DeviceCaps&) {
  return Verdict::yes();
}

std::int64_t tiles_of(const LinearProblem& p) {
  return ceil_div(p.out_features, kGemmOut) * ceil_div(p.rows, kGemmRows);
}

int threads_of(const LinearProblem& p, const ExecutionContext& ctx) {
  const int worthwhile = worthwhile_threads(ctx.num_threads(), p.flops());
  const auto useful = static_cast<int>(std::clamp<std::int64_t>(tiles_of(p), 1, worthwhile));
  const std::int64_t operands =
      (p.rows + p.out_features) * p.in_features + p.rows * p.out_features;  // counted as f32
  return affordable_threads(useful, static_cast<std::size_t>(Layout(p).thread) * sizeof(float),
                            static_cast<std::size_t>(operands) * sizeof(float));
}

std::size_t workspace_bytes(const LinearProblem& problem, const ExecutionContext& ctx) {
  const Layout layout(problem);
  return static_cast<std::size_t>(layout.x + layout.thread * threads_of(problem, ctx)) * sizeof(float);
}

void launch(const LinearProblem& p, const LinearOperands& operands, ExecutionContext& ctx) {
  const std::int64_t tiles = tiles_of(p);
  if (tiles == 0) return;
  const Gemm gemm = best_gemm();
  const Layout layout(p);
  Workspace::Scope scope(ctx.workspace());
  float* const x = static_cast<float*>(scope.take(workspace_bytes(p, ctx)));
  float* const threads_scratch = x + layout.x;
  if (p.dtype != DType::f32) convert_to_f32(p.dtype, operands.x.raw(), p.rows * p.in_features, x);
  const std::int64_t out_tiles = ceil_div(p.out_features, kGemmOut);
  std::atomic<std::int64_t> next_tile = 0;
  run_parallel(threads_of(p, ctx), [&](int thread) {
    float* const scratch = threads_scratch + layout.thread * thread;
    for (std::int64_t index = next_tile++; index < tiles; index = next_tile++) {
      const std::int64_t out = index % out_tiles * kGemmOut, row = index / out_tiles * kGemmRows;
      const Tile tile{row, std::min(kGemmRows, p.rows - row), out, std::min(kGemmOut, p.out_features - out)};
      if (p.dtype == DType::f32) {
        multiply_f32(p, operands, tile, gemm, scratch);
      } else {
        multiply_converted(p, operands, x, tile, gemm, layout, scratch);
      }
    }
  });
}

}  // namespace

std::span<const LinearRow> linear_rows() {
  static constexpr std::array kRows = {
      LinearRow{"cpu.gemm.eigen", supports, workspace_bytes, launch},
      LinearRow{reference::kLinearName, reference::supports_linear, reference::linear_workspace_bytes,
                reference::launch_linear}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
