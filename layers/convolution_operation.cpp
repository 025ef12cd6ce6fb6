#include <upconv/layers/convolution_operation.h>

namespace upconv {

void ConvolutionOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                               ExecutionContext& ctx) const {
  layer_.check_prepared(ctx);
  if (activation_ != nullptr) activation_->check_prepared(ctx);
  layer_.run(operands[0], activation_ == nullptr ? kernels::Activation() : activation_->activation(ctx), y,
             ctx);
}

Fusion ConvolutionOperation::fuse(const Operation& next, std::size_t, std::span<const TensorSpec> operands,
                                  const ExecutionContext&) const {
  const PointwiseOperation* pointwise = PointwiseOperation::from(next);
  if (pointwise == nullptr) return {};
  if (activation_ != nullptr) return {nullptr, "the convolution has an activation already"};
  if (!pointwise->fits_epilogue(layer_.output_spec(operands[0]).shape)) {
    return {nullptr, "its slopes do not go by the convolution's channels"};
  }
  return {std::make_shared<ConvolutionOperation>(layer_, std::make_shared<PointwiseOperation>(*pointwise))};
}

}  // namespace upconv
