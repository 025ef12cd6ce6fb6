#pragma once

#include <upconv/kernels/resize2d.h>

/// cpu.reference: every output by the definition, in double. Never optimised.
namespace upconv::kernels::cpu::reference {

Verdict supports_resize2d(const ResizeProblem& problem, const DeviceCaps& caps);
std::size_t resize2d_workspace_bytes(const ResizeProblem& problem, const ExecutionContext& ctx);
void launch_resize2d(const ResizeProblem& problem, const ResizeOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cpu::reference
