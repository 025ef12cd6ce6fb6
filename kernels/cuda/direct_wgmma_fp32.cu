#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::fp32>(problem, operands, ctx);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
