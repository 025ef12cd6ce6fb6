#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_tf32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::tf32>(problem, operands, packed_weights(operands, Mode::tf32), ctx);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
