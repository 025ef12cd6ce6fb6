#include <upconv/kernels/cuda/convolution_plain.cuh>

void upconv::kernels::cuda::plain::launch_f32(const ConvProblem& problem, const ConvOperands& operands,
                                              ExecutionContext& ctx) {
  launch_typed<float>(problem, operands, ctx);
}
