#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/convolution_layer.h>
#include <upconv/layers/convolution_operation.h>
#include <upconv/layers/image_hint.h>
#include <upconv/layers/initial_values.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

namespace {

struct PreparedConvolution : Prepared {
  kernels::PackedWeight weight;
  bool finite_weight = true;
};

}  // namespace

ConvolutionLayer::ConvolutionLayer(std::string type_name, const kernels::ConvProblem& layer, bool bias)
    : Module(std::move(type_name)), layer_(layer), has_bias_(bias) {
  try {
    kernels::validate_layer(layer_);
  } catch (const ArgumentError& error) {
    throw ArgumentError(message(display_name(), ": ", error.what()));
  }
  weight_ = register_parameter("weight", layer_.weight_shape());
  if (has_bias_) bias_ = register_parameter("bias", {layer_.co});
}

kernels::ConvProblem ConvolutionLayer::problem_for(const TensorSpec& x) const {
  check_dtype(x);
  const Shape& shape = x.shape;
  if (shape.rank() != 3 && shape.rank() != 4) {
    throw ShapeError(message(display_name(), ": Expected 3D (unbatched) or 4D (batched) input to ",
                             layer_.op(), ", but got input of size: ", shape, image_hint(shape, layer_.ci)));
  }
  if (shape[-3] != layer_.ci) {
    throw ShapeError(message(display_name(), ": Given transposed=", layer_.transposed ? 1 : 0,
                             ", weight of size ", layer_.weight_shape(), ", expected input", shape,
                             " to have ", layer_.ci, " channels, but got ", shape[-3], " channels instead",
                             image_hint(shape, layer_.ci)));
  }
  kernels::ConvProblem problem = layer_;
  problem.n = shape.rank() == 4 ? shape[0] : 1;
  problem.ih = shape[-2];
  problem.iw = shape[-1];
  problem.dtype = x.dtype;
  return problem;
}

void ConvolutionLayer::check(const kernels::ConvProblem& problem) const {
  try {
    kernels::validate(problem);
  } catch (const ShapeError& error) {
    throw ShapeError(message(display_name(), ": ", error.what()));
  } catch (const ArgumentError& error) {
    throw ShapeError(
        message(display_name(), ": input of ", problem.ih, " x ", problem.iw, ": ", error.what()));
  }
}

TensorSpec ConvolutionLayer::spec_of(const kernels::ConvProblem& problem, const TensorSpec& x) {
  const Shape batched = problem.y_shape();
  return {x.shape.rank() == 4 ? batched : Shape{batched[1], batched[2], batched[3]}, x.dtype, x.device};
}

TensorSpec ConvolutionLayer::output_spec(const TensorSpec& x) const {
  const kernels::ConvProblem problem = problem_for(x);
  check(problem);
  return spec_of(problem, x);
}

std::string ConvolutionLayer::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  kernels::ConvProblem problem = problem_for(x);
  check(problem);
  problem = for_context(problem, ctx);
  return message(
      display_name(), ": ",
      kernels::explain(problem.op(), kernels::convolution_rows(ctx.device().type()), problem, ctx));
}

std::string ConvolutionLayer::extra_repr() const {
  const auto& p = layer_;
  std::string text = message(p.ci, ", ", p.co, ", kernel_size=", Size2d(p.kh, p.kw),
                             ", stride=", Size2d(p.stride_h, p.stride_w));
  const auto unless = [&](Size2d usual, const char* name, Size2d value) {
    if (value != usual) text += message(", ", name, '=', value);
  };
  unless(0, "padding", {p.pad_h, p.pad_w});
  unless(1, "dilation", {p.dilation_h, p.dilation_w});
  unless(0, "output_padding", {p.output_pad_h, p.output_pad_w});
  if (p.groups != 1) text += message(", groups=", p.groups);
  if (!has_bias_) text += ", bias=False";
  if (p.padding_mode != PaddingMode::zeros) text += message(", padding_mode=", name_of(p.padding_mode));
  return text;
}

void ConvolutionLayer::do_initialize(ParameterId, std::span<float> values, RandomStream& random) const {
  draw_uniform(values, parameter(weight_).shape(), random);
}

std::unique_ptr<const Prepared> ConvolutionLayer::prepare_for(ExecutionContext& ctx) const {
  kernels::ConvProblem problem = layer_;
  problem.finite_weight = kernels::is_finite(parameter(weight_), ctx.num_threads());
  problem.dtype = parameter(weight_).dtype();
  problem.precision = ctx.precision();
  auto prepared = std::make_unique<PreparedConvolution>();
  prepared->weight = kernels::pack_weight(problem, parameter(weight_), ctx);
  prepared->finite_weight = problem.finite_weight;
  return prepared;
}

kernels::ConvProblem ConvolutionLayer::for_context(kernels::ConvProblem problem,
                                                   const ExecutionContext& ctx) const {
  const auto* prepared = find_prepared_state<PreparedConvolution>(ctx);
  problem.precision = ctx.precision();
  problem.finite_weight = prepared == nullptr || prepared->finite_weight;
  return problem;
}

std::shared_ptr<const Operation> ConvolutionLayer::operation() const {
  return std::make_shared<ConvolutionOperation>(*this);
}

const kernels::ConvRow& ConvolutionLayer::row(kernels::ConvProblem problem,
                                              const kernels::EpilogueForm& epilogue,
                                              const ExecutionContext& ctx) const {
  problem = for_context(problem, ctx);
  problem.epilogue = epilogue;
  return kernels::select(problem.op(), kernels::convolution_rows(ctx.device().type()), problem, ctx.caps(),
                         kernels::forced_kernel(problem.op(), ctx));
}

kernels::Verdict ConvolutionLayer::takes(const kernels::ConvRow& row, kernels::ConvProblem problem,
                                         const kernels::EpilogueForm& epilogue,
                                         const ExecutionContext& ctx) const {
  problem = for_context(problem, ctx);
  problem.epilogue = epilogue;
  return row.supports(problem, ctx.caps());
}

void ConvolutionLayer::forward_activated_into(ConstTensorView x, const kernels::Activation& activation,
                                              TensorView y, ExecutionContext& ctx) const {
  check_input(x, ctx);
  check_forward(x, y, output_spec(x.spec()));
  const kernels::EpilogueForm form{.first = activation.kind};
  const kernels::ConvProblem problem = problem_for(x.spec());
  const kernels::Verdict verdict = takes(row(problem, {}, ctx), problem, form, ctx);
  if (verdict.supported) return run(problem, x, {.first = activation}, y, ctx);
  run(problem, x, {}, y, ctx);  // what the layer's kernel cannot do is cheaper in a pass of its own
  const TensorSpec images{problem.y_shape(), y.dtype(), y.device()};
  kernels::pointwise(pointwise_problem(images, form), {.x = y, .epilogue = {.first = activation}, .y = y},
                     name(), ctx);
}

void ConvolutionLayer::run(kernels::ConvProblem problem, ConstTensorView x, kernels::Epilogue epilogue,
                           TensorView y, ExecutionContext& ctx) const {
  problem = for_context(problem, ctx);
  if (has_bias_) epilogue.bias = device_parameter(bias_, ctx);
  const kernels::ConvOperands operands{.x = x.reshape(problem.x_shape()),
                                       .weight = device_parameter(weight_, ctx),
                                       .packed_weight = &prepared_state<PreparedConvolution>(ctx).weight,
                                       .epilogue = epilogue,
                                       .y = y.reshape(problem.y_shape())};
  kernels::convolution(problem, operands, name(), ctx);
}

}  // namespace upconv
