#include "flagship/limits.h"

#include <utility>

#include "flagship/random.h"
#include "flagship/timer.h"

namespace flagship {

using upconv::Tensor;

double copy_rate(upconv::ExecutionContext& ctx) {
  const bool on_cpu = ctx.device().is_cpu();
  const upconv::Shape shape{std::int64_t{1} << (on_cpu ? 25 : 27)};
  const Tensor from = Tensor::zeros(shape, upconv::DType::f32, ctx.device());
  Tensor to = Tensor::zeros(shape, upconv::DType::f32, ctx.device());
  ctx.copy(to, from);
  const std::vector<double> seconds = time_runs(ctx, on_cpu ? 5 : 20, [&](int) { ctx.copy(to, from); });
  return 2.0 * static_cast<double>(from.spec().bytes()) / median(seconds);
}

double matrix_rate(upconv::ExecutionContext& ctx, upconv::DType dtype) {
  upconv::Linear linear({.in_features = kMatrixSize, .out_features = kMatrixSize, .bias = false});
  upconv::StateDict weights;
  weights.insert("weight", random_normal({kMatrixSize, kMatrixSize}, 1));
  linear.to(dtype);
  linear.load(weights);
  linear.prepare(ctx);
  const Tensor x = random_normal({kMatrixSize, kMatrixSize}, 2).to(dtype).to(ctx.device());
  Tensor y = Tensor::empty({kMatrixSize, kMatrixSize}, dtype, ctx.device());
  const auto run = [&](int) { linear.forward_into(x, y, ctx); };
  run(0);
  const auto size = static_cast<double>(kMatrixSize);
  return 2.0 * size * size * size / median(time_runs(ctx, 20, run));
}

}  // namespace flagship
