#include <upconv/kernels/cuda/direct_launch.cuh>

namespace upconv::kernels::cuda::direct_wgmma {

void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  const unsigned char* weights = packed_weights(operands, Mode::fp32);
  if (packed_section(operands, name_of(Mode::fp32)).layout == kWideLayout) {
    launch_fp32_wide(problem, operands, weights, ctx);
  } else {
    launch<Mode::fp32>(problem, operands, weights, ctx);
  }
}

}  // namespace upconv::kernels::cuda::direct_wgmma
