#include <algorithm>
#include <array>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/linear.h>
#include <upconv/layers/initial_values.h>
#include <upconv/layers/linear.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

kernels::LinearProblem problem_for(const TensorSpec& x, const LinearOptions& options,
                                   const ExecutionContext& ctx) {
  return {.rows = x.shape.numel() / options.in_features,
          .in_features = options.in_features,
          .out_features = options.out_features,
          .dtype = x.dtype,
          .precision = ctx.precision()};
}

}  // namespace

Linear::Linear(const LinearOptions& options) : Module("Linear"), options_(options) {
  if (options.in_features < 1 || options.out_features < 1) {
    throw ArgumentError(message("Linear: in_features and out_features must be positive, got ",
                                options.in_features, " and ", options.out_features));
  }
  weight_ = register_parameter("weight", {options.out_features, options.in_features});
  if (options.bias) bias_ = register_parameter("bias", {options.out_features});
}

TensorSpec Linear::output_spec(const TensorSpec& x) const {
  check_dtype(x);
  if (x.shape.rank() < 1)
    throw ShapeError(message(display_name(), ": the input needs at least one dimension"));
  if (x.shape[-1] != options_.in_features) {
    const std::int64_t rows = x.shape.numel() / std::max<std::int64_t>(x.shape[-1], 1);
    throw ShapeError(message(display_name(), ": mat1 and mat2 shapes cannot be multiplied (", rows, 'x',
                             x.shape[-1], " and ", options_.in_features, 'x', options_.out_features,
                             "): the input's last dimension must be in_features ", options_.in_features,
                             ", got ", x.shape));
  }
  std::array<std::int64_t, Shape::kMaxRank> sizes{};
  std::copy(x.shape.begin(), x.shape.end(), sizes.begin());
  const auto rank = static_cast<std::size_t>(x.shape.rank());
  sizes[rank - 1] = options_.out_features;
  return {Shape(std::span<const std::int64_t>(sizes.data(), rank)), x.dtype, x.device};
}

std::string Linear::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  static_cast<void>(output_spec(x));
  return message(display_name(), ": ",
                 kernels::explain("linear", kernels::linear_rows(ctx.device().type()),
                                  problem_for(x, options_, ctx), ctx));
}

std::string Linear::extra_repr() const {
  return message("in_features=", options_.in_features, ", out_features=", options_.out_features,
                 ", bias=", python_repr(options_.bias));
}

void Linear::do_initialize(ParameterId, std::span<float> values, RandomStream& random) const {
  draw_uniform(values, parameter(weight_).shape(), random);
}

void Linear::do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  const kernels::LinearProblem problem = problem_for(x.spec(), options_, ctx);
  const kernels::LinearOperands operands{
      .x = x.reshape({problem.rows, problem.in_features}),
      .weight = device_parameter(weight_, ctx),
      .bias = options_.bias ? device_parameter(bias_, ctx) : ConstTensorView(),
      .y = y.reshape({problem.rows, problem.out_features})};
  kernels::linear(problem, operands, name(), ctx);
}

}  // namespace upconv
