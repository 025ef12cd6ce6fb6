#include <cmath>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/batch_norm2d.h>
#include <upconv/layers/image_hint.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

struct PreparedNorm : Prepared {
  Tensor scale;  // [C] f32: weight / sqrt(running_var + eps)
  Tensor shift;  // [C] f32: bias - running_mean * scale
};

}  // namespace

BatchNorm2d::BatchNorm2d(const BatchNorm2dOptions& options)
    : PointwiseLayer("BatchNorm2d"), options_(options) {
  if (options.num_features < 1) {
    throw ArgumentError(message("BatchNorm2d: num_features must be positive, got ", options.num_features));
  }
  if (!options.track_running_stats) {
    throw ArgumentError(
        "BatchNorm2d: track_running_stats must be true: inference needs the running statistics");
  }
  const Shape channels{options.num_features};
  if (options.affine) {
    weight_ = register_parameter("weight", channels, 1.0);
    bias_ = register_parameter("bias", channels);
    keep_in_f32(weight_);
    keep_in_f32(bias_);
  }
  running_mean_ = register_buffer("running_mean", channels);
  running_var_ = register_buffer("running_var", channels, 1.0);
  keep_in_f32(running_mean_);
  keep_in_f32(running_var_);
  register_counter("num_batches_tracked");
}

TensorSpec BatchNorm2d::output_spec(const TensorSpec& x) const {
  check_dtype(x);
  if (x.shape.rank() != 4)
    throw ShapeError(message(display_name(), ": expected 4D input (got ", x.shape.rank(),
                             "D input), of shape ", x.shape, image_hint(x.shape, options_.num_features)));
  if (x.shape[1] != options_.num_features) {
    throw ShapeError(message(display_name(), ": running_mean should contain ", x.shape[1], " elements not ",
                             options_.num_features, ": the input is ", x.shape,
                             image_hint(x.shape, options_.num_features)));
  }
  return x;
}

std::string BatchNorm2d::extra_repr() const {
  return message(options_.num_features, ", eps=", python_repr(options_.eps),
                 ", momentum=", python_repr(options_.momentum), ", affine=", python_repr(options_.affine),
                 ", track_running_stats=", python_repr(options_.track_running_stats));
}

std::unique_ptr<const Prepared> BatchNorm2d::prepare_for(ExecutionContext& ctx) const {
  const Tensor mean = parameter(running_mean_).to(DType::f64);
  const Tensor var = parameter(running_var_).to(DType::f64);
  const Tensor weight = options_.affine ? parameter(weight_).to(DType::f64) : Tensor();
  const Tensor bias = options_.affine ? parameter(bias_).to(DType::f64) : Tensor();
  Tensor scale = Tensor::empty({options_.num_features});
  Tensor shift = Tensor::empty({options_.num_features});
  for (std::size_t c = 0; c < static_cast<std::size_t>(options_.num_features); ++c) {
    const double factor =
        (options_.affine ? weight.data<double>()[c] : 1.0) / std::sqrt(var.data<double>()[c] + options_.eps);
    scale.data<float>()[c] = static_cast<float>(factor);
    shift.data<float>()[c] = static_cast<float>((options_.affine ? bias.data<double>()[c] : 0.0) -
                                                mean.data<double>()[c] * factor);
  }
  auto prepared = std::make_unique<PreparedNorm>();
  prepared->scale = std::move(scale).to(ctx.device());
  prepared->shift = std::move(shift).to(ctx.device());
  return prepared;
}

kernels::Epilogue BatchNorm2d::epilogue(const ExecutionContext& ctx) const {
  const auto& prepared = prepared_state<PreparedNorm>(ctx);
  return {.scale = prepared.scale, .shift = prepared.shift};
}

}  // namespace upconv
