#pragma once

#include <upconv/framework/tensor.h>
#include <upconv/kernels/cpu/convolution_axis.h>

/// The packed weight of the CPU's direct convolution, for both kinds, f32 whatever the weight's type:
///
///   [group][co_block][phase_h][phase_w][ci][kh of the phase][kw of the phase][co_lane]
///
/// co_lane: min(kCoBlock, Co/groups) neighbouring output channels, so that a kernel reads their weights of
/// one tap in one go; the last block of a group is filled up with zeros. ci: the input channels of the group.
/// kh, kw: in rising order, those whose outputs lie in that phase (see ConvAxis): the taps that a kernel
/// walks for one output lie in the order it walks them. The layout depends on channels, kernel, stride,
/// dilation, groups and kind, not on padding or the image.
namespace upconv::kernels::cpu {

inline constexpr std::int64_t kCoBlock = 8;

struct ConvPackLayout {
  explicit ConvPackLayout(const ConvProblem& p)
      : lanes(std::min(kCoBlock, p.co_per_group())),
        blocks((p.co_per_group() + lanes - 1) / lanes),
        ci(p.ci_per_group()),
        height(height_axis(p)),
        width(width_axis(p)),
        block_size(ci * p.kh * p.kw * lanes),
        size(p.groups * blocks * block_size) {}

  std::int64_t lanes, blocks;  ///< Output channels of a block; blocks of a group.
  std::int64_t ci;             ///< Input channels of a group.
  ConvAxis height, width;
  std::int64_t block_size, size;  ///< Floats of a block, and of everything.

  std::int64_t block(std::int64_t group, std::int64_t co_block) const {
    return (group * blocks + co_block) * block_size;
  }
  /// Within a block, the first weight of a phase.
  std::int64_t phase(std::int64_t phase_h, std::int64_t phase_w) const {
    return ci * lanes *
           (height.taps_before(phase_h) * width.kernel +
            height.taps_of(phase_h) * width.taps_before(phase_w));
  }
  /// Where weight (group, co, ci, kh, kw) stands; co and ci count within the group.
  std::int64_t index(std::int64_t group, std::int64_t co, std::int64_t c, std::int64_t kh,
                     std::int64_t kw) const {
    const std::int64_t phase_h = height.phase_of(kh), phase_w = width.phase_of(kw);
    const std::int64_t taps_h = height.taps_of(phase_h), taps_w = width.taps_of(phase_w);
    const std::int64_t tap = (c * taps_h + height.rank_of(kh)) * taps_w + width.rank_of(kw);
    return block(group, co / lanes) + phase(phase_h, phase_w) + tap * lanes + co % lanes;
  }
};

/// [groups, co_blocks, floats of a block]. The weight is on the CPU, of any compute type.
Tensor pack_convolution_weight(const ConvProblem& problem, const ConstTensorView& weight);
/// The inverse, to f32 in problem.weight_shape().
Tensor unpack_convolution_weight(const ConvProblem& problem, const ConstTensorView& packed);

}  // namespace upconv::kernels::cpu
