#pragma once

#include <upconv/kernels/binary.h>
#include <upconv/kernels/convolution.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/pad.h>
#include <upconv/kernels/pointwise.h>
#include <upconv/kernels/pool2d.h>
#include <upconv/kernels/resize2d.h>
#include <upconv/kernels/strided_copy.h>

/// The launchers that tables.cpp makes rows of, each beside its kernel. Internal: not installed.
namespace upconv::kernels::cuda {

/// What goes element by element, in one pass over memory.
namespace elementwise {
void launch(const PointwiseProblem& problem, const PointwiseOperands& operands, ExecutionContext& ctx);
void launch(const BinaryProblem& problem, const BinaryOperands& operands, ExecutionContext& ctx);
}  // namespace elementwise

/// Every convolution, by the definition. The table's last row.
namespace plain {
void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch(const LinearProblem& problem, const LinearOperands& operands, ExecutionContext& ctx);
// By element type, each in a file of its own.
void launch_f32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
}  // namespace plain

/// What is one matrix product, through cuBLASLt.
namespace cublaslt {
Verdict supports(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports(const LinearProblem& problem, const DeviceCaps& caps);
std::size_t workspace_bytes(const ConvProblem& problem);
std::size_t workspace_bytes(const LinearProblem& problem);
void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch(const LinearProblem& problem, const LinearOperands& operands, ExecutionContext& ctx);
}  // namespace cublaslt

/// Maxima and means of windows.
namespace pooling {
Verdict supports_block(const PoolProblem& problem, const DeviceCaps& caps);
void launch_block(const PoolProblem& problem, const PoolOperands& operands, ExecutionContext& ctx);
Verdict supports_window(const PoolProblem& problem, const DeviceCaps& caps);
void launch_window(const PoolProblem& problem, const PoolOperands& operands, ExecutionContext& ctx);
}  // namespace pooling

/// Images in another size.
namespace resizing {
Verdict supports_nearest(const ResizeProblem& problem, const DeviceCaps& caps);
void launch_nearest(const ResizeProblem& problem, const ResizeOperands& operands, ExecutionContext& ctx);
Verdict supports_tiles(const ResizeProblem& problem, const DeviceCaps& caps);
void launch_tiles(const ResizeProblem& problem, const ResizeOperands& operands, ExecutionContext& ctx);
Verdict supports_plain(const ResizeProblem& problem, const DeviceCaps& caps);
void launch_plain(const ResizeProblem& problem, const ResizeOperands& operands, ExecutionContext& ctx);
}  // namespace resizing
/// Elements added to the ends of dimensions.
namespace padding {
void launch(const PadProblem& problem, const PadOperands& operands, ExecutionContext& ctx);
}  // namespace padding

/// Copies by strides.
namespace movement {
Verdict supports_memcpy(const StridedCopyProblem& problem, const DeviceCaps& caps);
void launch_memcpy(const StridedCopyProblem& problem, const StridedCopyOperands& operands,
                   ExecutionContext& ctx);
Verdict supports_transpose(const StridedCopyProblem& problem, const DeviceCaps& caps);
void launch_transpose(const StridedCopyProblem& problem, const StridedCopyOperands& operands,
                      ExecutionContext& ctx);
void launch_strided(const StridedCopyProblem& problem, const StridedCopyOperands& operands,
                    ExecutionContext& ctx);
}  // namespace movement

}  // namespace upconv::kernels::cuda
