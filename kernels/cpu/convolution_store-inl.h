// The epilogue of the direct convolution: takes sums from the tile of y, interleaves the phases of a row,
// applies the epilogue and stores.
#if defined(UPCONV_KERNELS_CPU_CONVOLUTION_STORE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_CONVOLUTION_STORE_INL_H
#undef UPCONV_KERNELS_CPU_CONVOLUTION_STORE_INL_H
#else
#define UPCONV_KERNELS_CPU_CONVOLUTION_STORE_INL_H
#endif

#include <algorithm>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convolution_plan.h>
#include <upconv/kernels/cpu/epilogue-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// line[i * phases + f] = sums[f * phase_step + i] for i < count; may write a vector of each phase further.
HWY_INLINE void interleave(const float* sums, std::int64_t phase_step, std::int64_t phases,
                           std::int64_t count, float* line) {
#if HWY_TARGET != HWY_SCALAR
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const auto phase = [&](std::int64_t f, std::int64_t i)
                         HWY_ATTR { return hn::LoadU(d, sums + f * phase_step + i); };
  if (phases == 2) {
    for (std::int64_t i = 0; i < count; i += step)
      hn::StoreInterleaved2(phase(0, i), phase(1, i), d, line + 2 * i);
    return;
  }
  if (phases == 3) {
    for (std::int64_t i = 0; i < count; i += step)
      hn::StoreInterleaved3(phase(0, i), phase(1, i), phase(2, i), d, line + 3 * i);
    return;
  }
  if (phases == 4) {
    for (std::int64_t i = 0; i < count; i += step)
      hn::StoreInterleaved4(phase(0, i), phase(1, i), phase(2, i), phase(3, i), d, line + 4 * i);
    return;
  }
#endif
  for (std::int64_t f = 0; f < phases; ++f) {
    for (std::int64_t i = 0; i < count; ++i)
      line[i * phases + f] = sums[f * phase_step + i];
  }
}

/// Stores block `block` of the output rows of phase `phase_h`; sums is [phase_w][co_lane][pixel].
template <class T>
void store_tile(const ConvPlan& plan, const ConvTile& tile, const ConvOperands& operands,
                std::int64_t phase_h, std::int64_t block, const float* sums, float* line) {
  const ConvProblem& p = plan.problem;
  const ConvAxis &h = plan.layout.height, &w = plan.layout.width;
  const std::int64_t lane_step = tile.vectors * plan.lanes, phase_step = plan.layout.channels * lane_step;
  const std::int64_t phases = w.phases(), oh = h.out, ow = w.out;
  const std::int64_t first_co = block * plan.layout.channels;
  const std::int64_t channels = std::min(plan.layout.channels, p.co_per_group() - first_co);
  T* y = static_cast<T*>(operands.y.raw());
  const Epilogue& epilogue = operands.epilogue;
  const T* residual = epilogue.residual.defined() ? static_cast<const T*>(epilogue.residual.raw()) : nullptr;
  // The tile's outputs of a row, phases interleaved, are [first, first + cols * phases), less what is
  // cropped.
  const std::int64_t first = w.output(tile.col0, 0);
  const std::int64_t count = std::min(tile.cols * phases, ow - first);
  for (std::int64_t lane = 0; lane < channels; ++lane) {
    const std::int64_t co = tile.group * p.co_per_group() + first_co + lane;
    const ChannelEpilogue channel = channel_epilogue<T>(epilogue, co);
    const float* channel_sums = sums + lane * lane_step;
    for (std::int64_t row = 0; row < tile.rows; ++row) {
      const std::int64_t out_row = h.output(tile.row0 + row, phase_h);
      if (out_row >= oh) continue;
      if (plan.mode == TileMode::batch) {
        for (std::int64_t f = 0; f < phases; ++f) {
          const std::int64_t out_col = first + f;
          if (out_col >= ow) continue;
          const auto at = [&](std::int64_t n) {
            return (((tile.n0 + n) * p.co + co) * oh + out_row) * ow + out_col;
          };
          T* const column = reinterpret_cast<T*>(line);  // [image]
          if (residual != nullptr) {
            for (std::int64_t n = 0; n < tile.images; ++n)
              column[n] = residual[at(n)];
          }
          finish_run<true>(channel, channel_sums + f * phase_step, tile.images,
                           residual == nullptr ? nullptr : column, false, column);
          for (std::int64_t n = 0; n < tile.images; ++n)
            y[at(n)] = column[n];
        }
        continue;
      }
      for (std::int64_t n = 0; n < tile.images; ++n) {
        const float* from = channel_sums + tile.pixel_start(n, row);
        if (phases > 1) {
          interleave(from, phase_step, phases, tile.cols, line);
          from = line;
        }
        const std::int64_t at = (((tile.n0 + n) * p.co + co) * oh + out_row) * ow + first;
        finish_run<true>(channel, from, count, residual == nullptr ? nullptr : residual + at, plan.streams,
                         y + at);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
