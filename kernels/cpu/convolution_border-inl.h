// Outputs at the border, summed over the taps that meet the image and no others: what the direct convolution
// does where weights are not finite, since zero times infinity is NaN. One output at a time, in the order and
// the arithmetic of the micro-kernel: it is not fast, and trained weights never come here.
#if defined(UPCONV_KERNELS_CPU_CONVOLUTION_BORDER_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_CONVOLUTION_BORDER_INL_H
#undef UPCONV_KERNELS_CPU_CONVOLUTION_BORDER_INL_H
#else
#define UPCONV_KERNELS_CPU_CONVOLUTION_BORDER_INL_H
#endif

#include <algorithm>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>
#include <upconv/kernels/cpu/convolution_plan.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// The sum of image n and output channel co of the tile's group, at pixel (q_h, q_w) of a phase.
template <class T>
float border_sum(const ConvPlan& plan, const ConvTile& tile, const ConvOperands& operands, std::int64_t n,
                 std::int64_t co, std::int64_t phase_h, std::int64_t q_h, std::int64_t phase_w,
                 std::int64_t q_w) {
  const ConvProblem& p = plan.problem;
  const ConvAxis &h = plan.layout.height, &w = plan.layout.width;
  const T* x = static_cast<const T*>(operands.x.raw());
  const T* weight = static_cast<const T*>(operands.weight.raw());
  const hn::CappedTag<float, 1> d;
  auto sum = hn::Zero(d);
  for (std::int64_t c = 0; c < plan.layout.ci; ++c) {
    const std::int64_t ci = tile.group * plan.layout.ci + c;
    const T* image = x + (n * p.ci + ci) * p.ih * p.iw;
    const std::int64_t plane =
        p.transposed ? ci * p.co_per_group() + co : (tile.group * p.co_per_group() + co) * plan.layout.ci + c;
    for (std::int64_t kh = 0; kh < p.kh; ++kh) {
      const std::int64_t row = h.input(q_h, kh);
      if (h.phase_of(kh) != phase_h || row < 0) continue;
      for (std::int64_t kw = 0; kw < p.kw; ++kw) {
        const std::int64_t col = w.input(q_w, kw);
        if (w.phase_of(kw) != phase_w || col < 0) continue;
        const auto pixel = hn::Set(d, static_cast<float>(image[row * p.iw + col]));
        const auto factor = hn::Set(d, static_cast<float>(weight[(plane * p.kh + kh) * p.kw + kw]));
        sum = hn::MulAdd(pixel, factor, sum);
      }
    }
  }
  return hn::GetLane(sum);
}

/// Replaces those sums of a block and phase_h that hold products with padding; sums is
/// [phase_w][co_lane][pixel].
template <class T>
void sum_border(const ConvPlan& plan, const ConvTile& tile, const ConvOperands& operands,
                std::int64_t phase_h, std::int64_t block, float* sums) {
  const ConvAxis &h = plan.layout.height, &w = plan.layout.width;
  const std::int64_t lane_step = tile.vectors * plan.lanes, first_co = block * plan.layout.channels;
  const std::int64_t channels = std::min(plan.layout.channels, plan.problem.co_per_group() - first_co);
  for (std::int64_t row = 0; row < tile.rows; ++row) {
    const std::int64_t q_h = tile.row0 + row;
    const bool row_at_border = h.meets_padding(q_h, phase_h);
    for (std::int64_t phase_w = 0; phase_w < w.phases(); ++phase_w) {
      for (std::int64_t col = 0; col < tile.cols; ++col) {
        const std::int64_t q_w = tile.col0 + col;
        if (!row_at_border && !w.meets_padding(q_w, phase_w)) continue;
        for (std::int64_t n = 0; n < tile.images; ++n) {
          float* pixel = sums + phase_w * plan.layout.channels * lane_step + tile.pixel_start(n, row) + col;
          for (std::int64_t lane = 0; lane < channels; ++lane) {
            pixel[lane * lane_step] =
                border_sum<T>(plan, tile, operands, tile.n0 + n, first_co + lane, phase_h, q_h, phase_w, q_w);
          }
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
