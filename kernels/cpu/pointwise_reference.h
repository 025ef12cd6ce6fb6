#pragma once

#include <upconv/kernels/pointwise.h>

/// cpu.reference of the pointwise operator: the ladder by its definition, in double. Internal: not installed.
namespace upconv::kernels::cpu {

void launch_pointwise_reference(const PointwiseProblem& problem, const PointwiseOperands& operands,
                                ExecutionContext& ctx);

}  // namespace upconv::kernels::cpu
