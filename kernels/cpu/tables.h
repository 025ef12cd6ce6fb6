#pragma once

#include <span>

#include <upconv/kernels/binary.h>
#include <upconv/kernels/convolution.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/pad.h>
#include <upconv/kernels/pointwise.h>
#include <upconv/kernels/pool2d.h>
#include <upconv/kernels/resize2d.h>
#include <upconv/kernels/strided_copy.h>

/// The CPU's ordered kernel tables, fastest row first. Internal: not installed.
namespace upconv::kernels::cpu {

std::span<const ConvRow> convolution_rows();
std::span<const BinaryRow> binary_rows();
std::span<const PointwiseRow> pointwise_rows();
std::span<const LinearRow> linear_rows();
std::span<const PadRow> pad_rows();
std::span<const PoolRow> pool2d_rows();
std::span<const ResizeRow> resize2d_rows();
std::span<const StridedCopyRow> strided_copy_rows();

}  // namespace upconv::kernels::cpu
