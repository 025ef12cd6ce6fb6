#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_fp32_wide(const ConvProblem& problem, const ConvOperands& operands, const unsigned char* weights,
                      ExecutionContext& ctx) {
  launch<Mode::fp32_wide>(problem, operands, weights, ctx);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
