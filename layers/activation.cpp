#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/pointwise_operation.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

/// The dimension that PReLU's slopes go by: 1, or none below two dimensions.
std::int64_t channels_of(const Shape& shape) {
  return shape.rank() < 2 ? 1 : shape[1];
}

}  // namespace

TensorSpec ActivationLayer::output_spec(const TensorSpec& x) const {
  check_dtype(x);
  return x;
}

kernels::ActivationProblem ActivationLayer::problem_for(const TensorSpec& x) const {
  kernels::ActivationProblem problem{.kind = kind_, .inner = x.shape.numel(), .dtype = x.dtype};
  switch (kind_) {
    case kernels::ActivationKind::prelu:
      problem.slopes = parameter_count();
      problem.channels = channels_of(x.shape);
      problem.outer = problem.inner == 0 || x.shape.rank() < 2 ? 1 : x.shape[0];
      problem.inner /= std::max<std::int64_t>(problem.outer * problem.channels, 1);
      break;
    case kernels::ActivationKind::none:
    case kernels::ActivationKind::relu:
    case kernels::ActivationKind::leaky_relu:
    case kernels::ActivationKind::sigmoid:
    case kernels::ActivationKind::tanh:
      break;
  }
  return problem;
}

std::string ActivationLayer::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  static_cast<void>(output_spec(x));
  return message(
      display_name(), ": ",
      kernels::explain("activation", kernels::activation_rows(ctx.device().type()), problem_for(x), ctx));
}

std::shared_ptr<const Operation> ActivationLayer::operation() const {
  return std::make_shared<PointwiseOperation>(*this);
}

std::string_view ActivationLayer::kernel(const TensorSpec& x, const ExecutionContext& ctx) const {
  return kernels::select("activation", kernels::activation_rows(ctx.device().type()), problem_for(x),
                         ctx.caps(), kernels::forced_kernel("activation", ctx))
      .name;
}

void ActivationLayer::run(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  kernels::activation(problem_for(x.spec()), {.x = x, .activation = activation(ctx), .y = y}, name(), ctx);
}

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options)
    : ActivationLayer("LeakyReLU", kernels::ActivationKind::leaky_relu), options_(options) {}

kernels::Activation LeakyReLU::activation(const ExecutionContext&) const {
  return {.kind = kind(), .negative_slope = static_cast<float>(options_.negative_slope)};
}

std::string LeakyReLU::extra_repr() const {
  return "negative_slope=" + python_repr(options_.negative_slope);
}

PReLU::PReLU(const PReLUOptions& options)
    : ActivationLayer("PReLU", kernels::ActivationKind::prelu), options_(options) {
  if (options.num_parameters < 1) {
    throw ArgumentError(message("PReLU: num_parameters must be positive, got ", options.num_parameters));
  }
  weight_ = register_parameter("weight", {options.num_parameters}, options.init);
}

TensorSpec PReLU::output_spec(const TensorSpec& x) const {
  check_dtype(x);
  if (options_.num_parameters != 1 && options_.num_parameters != channels_of(x.shape)) {
    throw ShapeError(message(display_name(),
                             ": Mismatch of parameter numbers and input channel size. Found parameter "
                             "numbers = ",
                             options_.num_parameters, " and channel size = ", channels_of(x.shape)));
  }
  return x;
}

kernels::Activation PReLU::activation(const ExecutionContext& ctx) const {
  return {.kind = kind(), .slopes = device_parameter(weight_, ctx)};
}

std::string PReLU::extra_repr() const {
  return message("num_parameters=", options_.num_parameters);
}

bool PReLU::fits_epilogue(const Shape& x) const {
  return options_.num_parameters == 1 || x.rank() == 4;
}

}  // namespace upconv
