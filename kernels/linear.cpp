#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/linear.h>

namespace upconv::kernels {

std::string LinearProblem::to_string() const {
  return message('m', rows, 'k', in_features, 'n', out_features, '_',
                 dtype == DType::f32 && precision == Precision::tf32 ? "tf32" : name_of(dtype));
}

std::span<const LinearRow> linear_rows(Device::Type type) {
  return type == Device::Type::cuda ? cuda::linear_rows() : cpu::linear_rows();
}

void linear(const LinearProblem& problem, const LinearOperands& operands, std::string_view layer,
            ExecutionContext& ctx) {
  run("linear", linear_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
