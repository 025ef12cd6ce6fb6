#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/cuda/rows.h>

namespace upconv::kernels::cuda::plain {

void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  switch (problem.dtype) {
    case DType::f32:
      return launch_f32(problem, operands, ctx);
    case DType::f16:
      return launch_f16(problem, operands, ctx);
    case DType::bf16:
      return launch_bf16(problem, operands, ctx);
    case DType::f64:
    case DType::i64:
      break;
  }
  throw DTypeError(message("kernels compute on f32, f16 and bf16, not on ", problem.dtype));
}

/// A linear layer is a convolution of one-pixel images.
void launch(const LinearProblem& problem, const LinearOperands& operands, ExecutionContext& ctx) {
  const ConvProblem pixels{.n = problem.rows,
                           .ci = problem.in_features,
                           .co = problem.out_features,
                           .dtype = problem.dtype,
                           .precision = problem.precision};
  launch(pixels,
         {.x = operands.x,
          .weight = operands.weight,
          .packed_weight = {},
          .epilogue = {.bias = operands.bias},
          .y = operands.y},
         ctx);
}

}  // namespace upconv::kernels::cuda::plain
