// cpu.direct: convolution of both kinds without im2col or column buffer.
//
// Idea. ConvAxis turns both kinds into stride-1 gathers. A work item is a tile of output pixels for some
// blocks of 8 output channels: its window of x is copied to scratch as f32, with its halo, padding written
// out and strides taken apart (-load), then for each block and phase the micro-kernel sums over input
// channels and taps in registers (-micro), and the epilogue interleaves phases, adds bias, applies the
// activation, converts and stores
// (-store). Every output is owned by one item, and summed in the order ci, kh, kw by fused multiply-adds from
// zero: in every tile mode, at every place, on any number of threads it has the same bits on the same
// instruction set.
//
// Tiling. Registers: 8 channels x 3 vectors on AVX-512, 4 x 3 on AVX2 and SSE4; 24 (12) multiply-adds a tap
// for 3 loads of x and 8 (4) broadcast weights. Tile of x: up to 256 KB, tile of y up to 64 KB, so that both
// stay in L2 while the weights of a block (32 bytes a tap and input channel) stream through L1. Vectors run
// over columns; over columns, rows and images with the halo in between where rows are short; over images
// where they are tiny (TileMode).
//
// Bytes. x is read once for all output channels (plus halos), y written once, past the caches if it exceeds
// 16 MB.
//
// Measured on Zen 4, of a roof of 117 GFLOP/s a core (one 512-bit multiply-add a cycle): 32 -> 32 3x7 89 % on
// one core and 81 % on two; 64 -> 64 3x3 81 %; 256 -> 128 4x4 stride 2 86 %; 512 -> 128 4x4 stride 2 76 %,
// where x streams from L2; 56 -> 1 9x9 stride 4 56 %; depthwise is bound by memory. docs/results.md has the
// rest.
//
// Tried and lost. Software prefetch of the next channel: no faster, up to 10 % slower. A 512 KB tile of x: no
// gain. Phases by the residue of output + padding: one more column of pixels a tile, 25 % at 64 columns. Rows
// before channels in the loader: 4 KB apart, twice the time with few output channels. Eigen for 1x1: level up
// to 512 channels, 24 % faster at 1024; but its panels promise no order of summation, and a pixel must not
// depend on its place.
//
// Not finite: zeros of the padding are multiplied like any number, so an infinite or NaN weight gives NaN at
// borders where PyTorch's transposed convolution has no product at all. Not finite pixels spread as in
// PyTorch.

#include <array>
#include <atomic>
#include <cstddef>

#include <upconv/kernels/cpu/convolution_direct.h>
#include <upconv/kernels/cpu/convolution_plan.h>
#include <upconv/kernels/cpu/convolution_taps.h>
#include <upconv/kernels/cpu/keep_openmp.h>
#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/convolution_direct.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convolution_load-inl.h>
#include <upconv/kernels/cpu/convolution_micro-inl.h>
#include <upconv/kernels/cpu/convolution_store-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// A thread's scratch, cut up.
struct Scratch {
  Scratch(const ConvPlan& plan, std::byte* memory) {
    const auto cut = [&memory]<class E>(std::int64_t count, E*& part) {
      part = reinterpret_cast<E*>(memory);
      const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(E);
      memory += (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
    };
    cut(plan.input_floats, input);
    cut(plan.output_floats, output);
    cut(plan.line_floats, line);
    cut(plan.tap_count, taps);
    cut(plan.vector_count, starts);
    cut(plan.row_count, rows);
  }
  float* input;          // [ci][plane][row][col], or [ci][plane][row][col][image] in batch mode
  float* output;         // [phase_w][co_lane][vector][lane]
  float* line;           // [col][phase_w]
  ConvTap* taps;         // of one phase
  std::int64_t* starts;  // [vector]
  std::int64_t* rows;    // [plane_h][row]
};

/// The kept taps of a phase in the order kh, kw; of all phases of a row, in the folded layout. Returns their
/// number.
inline std::int64_t list_taps(const ConvPlan& plan, const ConvTile& tile, std::int64_t phase_h,
                              std::int64_t phase_w, ConvTap* taps) {
  const ConvPackLayout& layout = plan.layout;
  const ConvAxis &h = layout.height, &w = layout.width;
  const std::int64_t row_taps = layout.row_taps_of(phase_w);
  std::int64_t count = 0, rank_h = 0;
  for (std::int64_t kh = 0; kh < h.kernel; ++kh) {
    if (h.phase_of(kh) != phase_h) continue;
    const std::int64_t first_weight = rank_h++ * row_taps;
    if (!h.keeps(kh, tile.row0, tile.row0 + tile.rows)) continue;
    std::int64_t rank_w = 0;
    for (std::int64_t kw = 0; kw < w.kernel; ++kw) {
      const std::int64_t phase = w.phase_of(kw);
      if (!layout.folded && phase != phase_w) continue;
      const std::int64_t column = layout.folded ? w.shift_of(0) - w.shift_of(kw) : rank_w++;
      if (!w.keeps(kw, tile.col0, tile.col0 + tile.cols)) continue;
      const std::int64_t plane = h.plane_of(kh) * w.planes() + w.plane_of(kw);
      const std::int64_t row = tile.row0 + h.shift_of(kh) - tile.window_h.begin;
      const std::int64_t col = tile.col0 + w.shift_of(kw) - tile.window_w.begin;
      taps[count++] = {plane * tile.plane_step + row * tile.row_step + col * tile.col_step,
                       (first_weight + column) * layout.lanes, phase};
      if (layout.folded && phase == 0 && kw + w.stride <= w.kernel) {
        // From phase 0 on, the next taps are those of the other phases at the same shift: one for all.
        taps[count - 1].phase = ConvTap::kEveryPhase;
        kw += w.stride - 1;
      }
    }
  }
  return count;
}

template <class T>
void compute_item(const ConvPlan& plan, const ConvOperands& operands, std::int64_t item, std::byte* memory) {
  const Scratch scratch(plan, memory);
  const ConvTile tile(plan, item);
  const ConvPackLayout& layout = plan.layout;
  const float* packed = static_cast<const float*>(operands.packed_weight.raw());
  load_tile(plan, tile, static_cast<const T*>(operands.x.raw()), scratch.rows, scratch.input);
  for (std::int64_t v = 0; v < tile.vectors; ++v)
    scratch.starts[v] = tile.vector_start(v);

  const std::int64_t lane_step = tile.vectors * plan.lanes;
  for (std::int64_t phase_h = 0; phase_h < layout.height.phases(); ++phase_h) {
    for (std::int64_t block = tile.block0; block < tile.block1; ++block) {
      const std::int64_t channels =
          std::min(layout.channels, plan.problem.co_per_group() - block * layout.channels);
      const std::int64_t passes = layout.folded ? 1 : layout.width.phases();
      for (std::int64_t phase_w = 0; phase_w < passes; ++phase_w) {
        const MicroArguments arguments{
            .x = scratch.input,
            .starts = scratch.starts,
            .vectors = tile.vectors,
            .taps = scratch.taps,
            .tap_count = list_taps(plan, tile, phase_h, phase_w, scratch.taps),
            .channels = layout.ci,
            .x_step = tile.channel_step,
            .weight_step = layout.height.taps_of(phase_h) * layout.row_taps_of(phase_w) * layout.lanes,
            .out_step = lane_step};
        const float* weight = packed + layout.block(tile.group, block) + layout.phase(phase_h, phase_w);
        if (layout.folded) {
          run_phases(arguments, layout.lanes, weight, scratch.output);
        } else {
          run_channels(arguments, channels, weight, scratch.output + phase_w * layout.channels * lane_step);
        }
      }
      store_tile<T>(plan, tile, operands, phase_h, block, scratch.output, scratch.line);
    }
  }
}

using ComputeItem = void (*)(const ConvPlan&, const ConvOperands&, std::int64_t, std::byte*);

ComputeItem compute_item_of(DType dtype) {
  if (dtype == DType::f16) return compute_item<Float16>;
  if (dtype == DType::bf16) return compute_item<BFloat16>;
  return compute_item<float>;
}

std::int64_t vector_lanes() {
  return static_cast<std::int64_t>(lanes());
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

// A microsecond of work; to wake another thread takes several.
constexpr double kFlopsWorthThreads = 1e5;

HWY_EXPORT(compute_item_of);
HWY_EXPORT(vector_lanes);

ConvPlan plan_of(const ConvProblem& problem, const ExecutionContext& ctx) {
  return ConvPlan(problem, HWY_DYNAMIC_DISPATCH(vector_lanes)(), ctx.num_threads());
}

}  // namespace

namespace direct {

Verdict supports(const ConvProblem&, const DeviceCaps&) {
  return Verdict::yes();
}

std::size_t workspace_bytes(const ConvProblem& problem, const ExecutionContext& ctx) {
  return plan_of(problem, ctx).scratch_bytes() * static_cast<std::size_t>(ctx.num_threads());
}

void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  const ConvPlan plan = plan_of(problem, ctx);
  const std::int64_t items = plan.items();
  const auto compute = HWY_DYNAMIC_DISPATCH(compute_item_of)(problem.dtype);
  const std::size_t bytes = plan.scratch_bytes();
  if (items == 0) return;
  const bool alone = items == 1 || problem.flops() < kFlopsWorthThreads;
  const int threads = alone ? 1 : static_cast<int>(std::min<std::int64_t>(ctx.num_threads(), items));
  Workspace::Scope scope(ctx.workspace());
  auto* const memory =
      static_cast<std::byte*>(scope.take(bytes * static_cast<std::size_t>(ctx.num_threads())));
  std::atomic<int> next_thread = 0;
  std::atomic<std::int64_t> next_item = 0;
  // Each thread takes the next item when it is done with one: an item is computed alike whoever takes it.
  if (threads > 1) keep_openmp_loaded();
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    std::byte* const scratch = memory + bytes * static_cast<std::size_t>(next_thread++);
    for (std::int64_t item = next_item++; item < items; item = next_item++)
      compute(plan, operands, item, scratch);
  }
}

}  // namespace direct

}  // namespace upconv::kernels::cpu
#endif
