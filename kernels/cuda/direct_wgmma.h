#pragma once

#include <optional>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cuda/direct_pack.h>

/// The direct convolution on Hopper's warpgroup matrix units: which problems it takes, its packed weights and
/// its launchers, one for each arithmetic, each in a file of its own. Internal: not installed.
namespace upconv::kernels::cuda::direct_wgmma {

enum class Mode { tf32, f16, bf16, fp32 };

/// The weights' layout for these channels and kernel, or nothing if they do not fit a block's shared memory.
std::optional<DirectPacking> packing_of(const ConvProblem& problem, Mode mode);

/// What pack_weight keeps for a problem's type on a Hopper GPU: for f32 first TF32's weights, then fp32's.
/// Not defined if no row of this family will read it.
Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight, Device device);

Verdict supports_tf32(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_f16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_bf16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_fp32(const ConvProblem& problem, const DeviceCaps& caps);

/// Throw: StateError without packed weights; CudaError.
void launch_tf32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cuda::direct_wgmma
