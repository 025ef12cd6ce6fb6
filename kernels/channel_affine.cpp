#include <upconv/kernels/channel_affine.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>

namespace upconv::kernels {

std::string ChannelAffineProblem::to_string() const {
  return message('o', outer, 'c', channels, 'i', inner, '_', dtype);
}

std::span<const ChannelAffineRow> channel_affine_rows(Device::Type type) {
  return type == Device::Type::cuda ? cuda::channel_affine_rows() : cpu::channel_affine_rows();
}

void channel_affine(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
                    std::string_view layer, ExecutionContext& ctx) {
  run("channel_affine", channel_affine_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
