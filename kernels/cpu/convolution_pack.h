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
/// walks for one output lie in the order it walks them.
///
/// With one output channel a group there are no lanes to fill, and where a transposed convolution allows it
/// ("folded") the phases of a row take their place, since at one shift all of them read the same pixels:
///
///   [group][phase_h][ci][kh of the phase][shift, falling][phase_w]
///
/// with zeros where a phase has no tap at a shift; those are never multiplied.
///
/// The layout depends on channels, kernel, stride, dilation, padding, groups and kind, not on the image or
/// the output padding.
namespace upconv::kernels::cpu {

inline constexpr std::int64_t kCoBlock = 8;

struct ConvPackLayout {
  explicit ConvPackLayout(const ConvProblem& p)
      : ci(p.ci_per_group()),
        height(height_axis(p)),
        width(width_axis(p)),
        folded(can_fold(p)),
        channels(std::min(kCoBlock, p.co_per_group())),
        lanes(folded ? p.stride_w : channels),
        blocks((p.co_per_group() + channels - 1) / channels),
        row_taps(folded ? width.shift_of(0) - width.shift_of(p.kw - 1) + 1 : p.kw),
        block_size(ci * p.kh * row_taps * lanes),
        size(p.groups * blocks * block_size) {}

  std::int64_t ci;  ///< Input channels of a group.
  ConvAxis height, width;
  bool folded;
  std::int64_t channels, lanes, blocks;  ///< Output channels and lanes of a block; blocks of a group.
  std::int64_t row_taps;                 ///< Taps of a kernel row, all phases together; shifts if folded.
  std::int64_t block_size, size;         ///< Floats of a block, and of everything.

  /// Taps of a kernel row that belong to a phase.
  std::int64_t row_taps_of(std::int64_t phase_w) const { return folded ? row_taps : width.taps_of(phase_w); }
  std::int64_t block(std::int64_t group, std::int64_t co_block) const {
    return (group * blocks + co_block) * block_size;
  }
  /// Within a block, the first weight of a phase; of all phases of a row, if folded.
  std::int64_t phase(std::int64_t phase_h, std::int64_t phase_w) const {
    const std::int64_t within_row = folded ? 0 : height.taps_of(phase_h) * width.taps_before(phase_w);
    return ci * lanes * (height.taps_before(phase_h) * row_taps + within_row);
  }
  /// Where weight (group, co, ci, kh, kw) stands; co and ci count within the group.
  std::int64_t index(std::int64_t group, std::int64_t co, std::int64_t c, std::int64_t kh,
                     std::int64_t kw) const {
    const std::int64_t phase_h = height.phase_of(kh), phase_w = width.phase_of(kw);
    const std::int64_t column = folded ? width.shift_of(0) - width.shift_of(kw) : width.rank_of(kw);
    const std::int64_t tap =
        (c * height.taps_of(phase_h) + height.rank_of(kh)) * row_taps_of(phase_w) + column;
    const std::int64_t lane = folded ? phase_w : co % channels;
    return block(group, co / channels) + phase(phase_h, phase_w) + tap * lanes + lane;
  }

 private:
  /// The kernels have register blocks for these strides; undilated, neighbouring taps alternate between
  /// phases.
  static bool can_fold(const ConvProblem& p) {
    const std::int64_t s = p.stride_w;
    return p.transposed && p.co_per_group() == 1 && p.dilation_w == 1 && p.kw >= s &&
           (s == 2 || s == 3 || s == 4 || s == 8);
  }
};

/// Writes ConvPackLayout::size floats. The weight is on the CPU, of any compute type.
void pack_convolution_weight(const ConvProblem& problem, const ConstTensorView& weight, float* packed,
                             int threads);
/// The inverse, to f32 in problem.weight_shape().
Tensor unpack_convolution_weight(const ConvProblem& problem, const float* packed);

}  // namespace upconv::kernels::cpu
