#include <upconv/kernels/cuda/direct_mma_launch.cuh>

namespace upconv::kernels::cuda::direct_mma {

void launch_tf32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::tf32, float>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::direct_mma
