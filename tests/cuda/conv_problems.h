#pragma once

#include <vector>

#include <upconv/kernels/convolution.h>

namespace upconv::test {

/// Corner cases by hand, then problems drawn by a seeded generator: 240 in all, f32, small enough for the
/// reference. Every class a kernel can trip over is there: stride above the kernel, phases without taps,
/// groups, depthwise, dilation, output padding, padding that crops all but one pixel, one-pixel images, zero
/// batch, odd widths and channels, every padding mode.
std::vector<kernels::ConvProblem> conv_problems();

}  // namespace upconv::test
