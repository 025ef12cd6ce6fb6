#pragma once

#include <upconv/kernels/convolution.h>

/// What the direct convolutions on matrix units, direct_wgmma and direct_mma, have in common. Internal: not
/// installed.
namespace upconv::kernels::cuda {

inline constexpr int kLargestDirectKernel = 7;  ///< Rows and columns.

/// Whether they take a layer of these channels, kernel, strides and padding, whatever the GPU and the image.
Verdict supports_direct_layer(const ConvProblem& problem);

}  // namespace upconv::kernels::cuda
