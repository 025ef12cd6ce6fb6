#include <upconv/kernels/cuda/direct_mma_launch.cuh>

namespace upconv::kernels::cuda::direct_mma {

void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::bf16, __nv_bfloat16>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::direct_mma
