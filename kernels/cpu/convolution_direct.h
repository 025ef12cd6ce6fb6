#pragma once

#include <upconv/kernels/convolution.h>

/// The fast convolution of the CPU, for both kinds and every parameter. See convolution_direct.cpp.
namespace upconv::kernels::cpu::direct {

inline constexpr std::string_view kName = "cpu.direct";

Verdict supports(const ConvProblem& problem, const DeviceCaps& caps);
std::size_t workspace_bytes(const ConvProblem& problem, const ExecutionContext& ctx);
void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cpu::direct
