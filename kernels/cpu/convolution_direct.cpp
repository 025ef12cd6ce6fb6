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
// Not finite: the zeros of the padding are multiplied like any number, which changes no sum as long as
// weights are finite. Of a problem with others, the outputs at the border are summed once more, over the taps
// that meet the image (-border): an infinite weight gives an infinity and not, times padding, a NaN.
//
// Scratch. At most 1 MB of x for each thread, or together half the operands' size: with many input channels
// or wide dilation they are loaded in slices, and the sums of an item wait in between. As they are in f32
// anyway, the bits stay the same.

#include <array>
#include <atomic>
#include <cstddef>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/convolution_direct.h>
#include <upconv/kernels/cpu/convolution_plan.h>
#include <upconv/kernels/cpu/convolution_taps.h>
#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/convolution_direct.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convolution_border-inl.h>
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
  float* output;         // [phase_w][co_lane][vector][lane]; with slices [phase_h][block] of those
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

/// Adds the products of the input channels in the tile of x to the sums of a block and phase_h.
inline void add_products(const ConvPlan& plan, const ConvTile& tile, const float* packed, ConvSpan channels,
                         std::int64_t phase_h, std::int64_t block, const Scratch& scratch, float* sums) {
  const ConvPackLayout& layout = plan.layout;
  const std::int64_t lane_step = tile.vectors * plan.lanes;
  const std::int64_t co_count =
      std::min(layout.channels, plan.problem.co_per_group() - block * layout.channels);
  const std::int64_t passes = layout.folded ? 1 : layout.width.phases();
  for (std::int64_t phase_w = 0; phase_w < passes; ++phase_w) {
    const MicroArguments arguments{
        .x = scratch.input,
        .starts = scratch.starts,
        .vectors = tile.vectors,
        .taps = scratch.taps,
        .tap_count = list_taps(plan, tile, phase_h, phase_w, scratch.taps),
        .channels = channels.size(),
        .x_step = tile.channel_step,
        .weight_step = layout.height.taps_of(phase_h) * layout.row_taps_of(phase_w) * layout.lanes,
        .out_step = lane_step,
        .continues = channels.begin > 0};
    const float* weight = packed + layout.block(tile.group, block) + layout.phase(phase_h, phase_w) +
                          channels.begin * arguments.weight_step;
    if (layout.folded) {
      run_phases(arguments, layout.lanes, weight, sums);
    } else {
      run_channels(arguments, co_count, weight, sums + phase_w * layout.channels * lane_step);
    }
  }
}

const float* packed_floats(const ConvOperands& operands) {
  return reinterpret_cast<const float*>(
      operands.packed_weight->data(packed_section(operands, direct::kName)));
}

template <class T>
void compute_item(const ConvPlan& plan, const ConvOperands& operands, std::int64_t item, std::byte* memory) {
  const Scratch scratch(plan, memory);
  const ConvTile tile(plan, item);
  const float* packed = packed_floats(operands);
  for (std::int64_t v = 0; v < tile.vectors; ++v)
    scratch.starts[v] = tile.vector_start(v);
  for (std::int64_t first = 0; first < plan.layout.ci; first += plan.slice) {
    const ConvSpan channels{first, std::min(first + plan.slice, plan.layout.ci)};
    load_tile(plan, tile, channels, static_cast<const T*>(operands.x.raw()), scratch.rows, scratch.input);
    float* sums = scratch.output;
    for (std::int64_t phase_h = 0; phase_h < plan.layout.height.phases(); ++phase_h) {
      for (std::int64_t block = tile.block0; block < tile.block1; ++block) {
        add_products(plan, tile, packed, channels, phase_h, block, scratch, sums);
        if (channels.end == plan.layout.ci) {
          if (!plan.problem.finite_weight) sum_border<T>(plan, tile, operands, phase_h, block, sums);
          store_tile<T>(plan, tile, operands, phase_h, block, sums, scratch.line);
        }
        if (plan.slices > 1) sums += plan.sums_step;
      }
    }
  }
}

using ComputeItem = void (*)(const ConvPlan&, const ConvOperands&, std::int64_t, std::byte*);

ComputeItem compute_item_of(DType dtype) {
  return visit_compute_type(dtype,
                            []<class T>(std::type_identity<T>) -> ComputeItem { return compute_item<T>; });
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
  return plan_of(problem, ctx).workspace_bytes();
}

void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  static_cast<void>(packed_section(operands, kName));  // throws here and not on a thread
  const ConvPlan plan = plan_of(problem, ctx);
  const std::int64_t items = plan.items();
  if (items == 0) return;
  const auto compute = HWY_DYNAMIC_DISPATCH(compute_item_of)(problem.dtype);
  const std::size_t bytes = plan.scratch_bytes();
  Workspace::Scope scope(ctx.workspace());
  auto* const memory = static_cast<std::byte*>(scope.take(plan.workspace_bytes()));
  std::atomic<std::int64_t> next_item = 0;
  // Each thread takes the next item when it is done with one: an item is computed alike whoever takes it.
  run_parallel(plan.threads, [&](int thread) {
    std::byte* const scratch = memory + bytes * static_cast<std::size_t>(thread);
    for (std::int64_t item = next_item++; item < items; item = next_item++)
      compute(plan, operands, item, scratch);
  });
}

}  // namespace direct

}  // namespace upconv::kernels::cpu
#endif
