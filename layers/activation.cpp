#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/activation.h>

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
  if (kind_ == kernels::ActivationKind::prelu) {
    problem.slopes = activation().slopes.numel();
    problem.channels = channels_of(x.shape);
    problem.outer = x.shape.rank() < 2 ? 1 : x.shape[0];
    problem.inner = x.shape.numel() / std::max<std::int64_t>(problem.outer * problem.channels, 1);
  }
  return problem;
}

std::string ActivationLayer::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  static_cast<void>(output_spec(x));
  return message(
      display_name(), ": ",
      kernels::explain("activation", kernels::activation_rows(ctx.device().type()), problem_for(x), ctx));
}

void ActivationLayer::do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  if (x.numel() == 0) return;
  kernels::activation(problem_for(x.spec()), {.x = x, .activation = activation(), .y = y}, display_name(),
                      ctx);
}

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options)
    : ActivationLayer("LeakyReLU", kernels::ActivationKind::leaky_relu), options_(options) {}

kernels::Activation LeakyReLU::activation() const {
  return {.kind = kind(), .negative_slope = static_cast<float>(options_.negative_slope)};
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

kernels::Activation PReLU::activation() const {
  return {.kind = kind(), .slopes = device_parameter(weight_)};
}

bool PReLU::fits_epilogue(const Shape& x) const {
  return options_.num_parameters == 1 || x.rank() == 4;
}

}  // namespace upconv
