#include "gpu_ceilings.h"

#include <algorithm>

#include "gpu_timer.h"
#include "sampled_check.h"

#include <upconv/framework/cuda_interop.h>
#include <upconv/kernels/linear.h>

namespace upconv::bench {

namespace {

/// The best of several rounds of `calls` calls, in seconds a call: a ceiling is what can be reached.
template <class Work>
double fastest(ExecutionContext& ctx, int calls, const Work& work) {
  GpuTimer timer;
  const cudaStream_t stream = cuda::stream_of(ctx);
  double best = 0;
  for (int round = 0; round < 6; ++round) {  // the first warms up
    timer.start(stream);
    for (int call = 0; call < calls; ++call)
      work();
    const double seconds = timer.stop(stream) / calls;
    if (round == 1 || (round > 1 && seconds < best)) best = seconds;
  }
  return best;
}

}  // namespace

double gpu_copy_rate(ExecutionContext& ctx) {
  const Tensor from = Tensor::zeros({std::int64_t{1} << 28}, DType::f32, ctx.device());
  Tensor to = Tensor::empty(from.shape(), DType::f32, ctx.device());
  const double seconds = fastest(ctx, 8, [&] { ctx.copy(to, from); });
  return 2.0 * static_cast<double>(from.spec().bytes()) / seconds;
}

namespace {

double product_rate(ExecutionContext& ctx, DType dtype, Precision precision) {
  constexpr std::int64_t kSize = 8192;
  const Tensor x = random_normal({kSize, kSize}, dtype, 1).to(ctx.device());
  const Tensor weight = random_normal({kSize, kSize}, dtype, 2).to(ctx.device());
  Tensor y = Tensor::empty({kSize, kSize}, dtype, ctx.device());
  const kernels::LinearProblem problem{
      .rows = kSize, .in_features = kSize, .out_features = kSize, .dtype = dtype, .precision = precision};
  const double seconds = fastest(ctx, 4, [&] {
    kernels::linear(problem, {.x = x, .weight = weight, .bias = {}, .y = y}, "Linear", ctx);
  });
  return problem.flops() / seconds;
}

}  // namespace

std::string mode_of(const kernels::ConvProblem& problem) {
  const bool tf32 = problem.dtype == DType::f32 && problem.precision == Precision::tf32;
  return tf32 ? "tf32" : std::string(name_of(problem.dtype));
}

double bytes_moved(const kernels::ConvProblem& problem) {
  const std::int64_t y = problem.y_shape().numel();
  const std::int64_t elements =
      problem.x_shape().numel() + problem.weight_shape().numel() + y + (problem.epilogue.residual ? y : 0);
  return static_cast<double>(elements) * static_cast<double>(size_of(problem.dtype));
}

GpuCeilings::GpuCeilings(ExecutionContext& ctx) : bytes_per_second_(gpu_copy_rate(ctx)) {
  flops_per_second_["tf32"] = product_rate(ctx, DType::f32, Precision::tf32);
  flops_per_second_["f16"] = product_rate(ctx, DType::f16, Precision::fp32);
  flops_per_second_["bf16"] = product_rate(ctx, DType::bf16, Precision::fp32);
  flops_per_second_["f32"] =
      std::max(product_rate(ctx, DType::f32, Precision::fp32), flops_per_second_["f16"] / 4.5);
}

double GpuCeilings::seconds(const kernels::ConvProblem& problem) const {
  return std::max(problem.flops() / flops_per_second(mode_of(problem)),
                  bytes_moved(problem) / bytes_per_second());
}

}  // namespace upconv::bench
