#include <upconv/kernels/cuda/convolution_plain.cuh>

void upconv::kernels::cuda::plain::launch_f16(const ConvProblem& problem, const ConvOperands& operands,
                                              ExecutionContext& ctx) {
  launch_typed<__half>(problem, operands, ctx);
}
