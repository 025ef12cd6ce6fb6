#pragma once

#include <upconv/kernels/convolution.h>

/// The reference: every convolution, computed in double by the definition, one thread, never optimised. The
/// other kernels gather; this one scatters when transposed, so they cannot share an indexing mistake.
namespace upconv::kernels::cpu::reference {

inline constexpr std::string_view kName = "cpu.reference";

Verdict supports(const ConvProblem& problem, const DeviceCaps& caps);
std::size_t workspace_bytes(const ConvProblem& problem, const ExecutionContext& ctx);
void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cpu::reference
