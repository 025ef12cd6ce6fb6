#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::bf16>(problem, operands, packed_weights(operands, Mode::bf16), ctx);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
