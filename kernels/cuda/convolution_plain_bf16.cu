#include <upconv/kernels/cuda/convolution_plain.cuh>

void upconv::kernels::cuda::plain::launch_bf16(const ConvProblem& problem, const ConvOperands& operands,
                                               ExecutionContext& ctx) {
  launch_typed<__nv_bfloat16>(problem, operands, ctx);
}
