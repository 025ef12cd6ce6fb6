#include <upconv/kernels/cuda/direct_mma_launch.cuh>

namespace upconv::kernels::cuda::direct_mma {

void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::f16, __half>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::direct_mma
