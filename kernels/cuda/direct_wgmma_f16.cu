#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  launch<Mode::f16>(problem, operands, packed_weights(operands, Mode::f16), ctx);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
