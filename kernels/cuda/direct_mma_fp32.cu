#include <upconv/kernels/cuda/direct_mma_launch.cuh>

namespace upconv::kernels::cuda::direct_mma {

void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::fp32, float>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::direct_mma
