#include <upconv/framework/message.h>
#include <upconv/layers/pointwise_layer.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

TensorSpec PointwiseLayer::output_spec(const TensorSpec& x) const {
  check_dtype(x);
  return x;
}

std::string PointwiseLayer::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  static_cast<void>(output_spec(x));
  return message(display_name(), ": ",
                 kernels::explain("pointwise", kernels::pointwise_rows(ctx.device().type()),
                                  pointwise_problem(x, form()), ctx));
}

std::shared_ptr<const Operation> PointwiseLayer::operation() const {
  return std::make_shared<PointwiseOperation>(*this);
}

void PointwiseLayer::do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  kernels::pointwise(pointwise_problem(x.spec(), form()), {.x = x, .epilogue = epilogue(ctx), .y = y}, name(),
                     ctx);
}

}  // namespace upconv
