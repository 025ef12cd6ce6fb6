#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/activation_bounded.h>
#include <upconv/layers/activation_function.h>
#include <upconv/layers/activation_smooth.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

/// The dimension that PReLU's slopes go by: 1, or none below two dimensions.
std::int64_t channels_of(const Shape& shape) {
  return shape.rank() < 2 ? 1 : shape[1];
}

}  // namespace

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options)
    : ActivationLayer("LeakyReLU", {.kind = kernels::ActivationKind::leaky_relu,
                                    .a = static_cast<float>(options.negative_slope)}),
      options_(options) {}

std::string LeakyReLU::extra_repr() const {
  return "negative_slope=" + python_repr(options_.negative_slope);
}

PReLU::PReLU(const PReLUOptions& options) : PointwiseLayer("PReLU"), options_(options) {
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

kernels::Epilogue PReLU::epilogue(const ExecutionContext& ctx) const {
  return {.first = {.kind = kernels::ActivationKind::prelu, .slopes = device_parameter(weight_, ctx)}};
}

std::string PReLU::extra_repr() const {
  return message("num_parameters=", options_.num_parameters);
}

Hardtanh::Hardtanh(const HardtanhOptions& options)
    : ActivationLayer("Hardtanh", activation_function::clamp("Hardtanh", options.min_val, options.max_val)),
      options_(options) {
  if (options.max_val > options.min_val) return;
  throw ArgumentError(message("Hardtanh: max_val (", options.max_val, ") must be greater than min_val (",
                              options.min_val, ')'));
}

Softshrink::Softshrink(const SoftshrinkOptions& options)
    : ActivationLayer("Softshrink", activation_function::softshrink("Softshrink", options.lambd)),
      options_(options) {}

RReLU::RReLU(const RReLUOptions& options)
    : ActivationLayer("RReLU", activation_function::rrelu("RReLU", options.lower, options.upper)),
      options_(options) {}

CELU::CELU(const CELUOptions& options)
    : ActivationLayer("CELU", activation_function::celu("CELU", options.alpha)), options_(options) {}

}  // namespace upconv
