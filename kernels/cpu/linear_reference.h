#pragma once

#include <upconv/kernels/linear.h>

/// The reference of Linear: by the definition, in double, one thread, never optimised.
namespace upconv::kernels::cpu::reference {

inline constexpr std::string_view kLinearName = "cpu.reference";

Verdict supports_linear(const LinearProblem& problem, const DeviceCaps& caps);
std::size_t linear_workspace_bytes(const LinearProblem& problem, const ExecutionContext& ctx);
void launch_linear(const LinearProblem& problem, const LinearOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cpu::reference
