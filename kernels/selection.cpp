#include <algorithm>
#include <array>

#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

namespace {

constexpr auto kOperators = std::to_array<std::string_view>({
    "conv_transpose2d",
    "conv2d",
    "linear",
    "pointwise",
    "binary",
    "pad",
    "pool2d",
    "resize2d",
    "strided_copy",
});

}  // namespace

std::string_view forced_kernel(std::string_view op, const ExecutionContext& ctx) {
  std::string_view forced;
  for (const auto& [name, kernel] : ctx.kernels()) {
    if (name == op) forced = kernel;
    if (std::ranges::find(kOperators, name) != kOperators.end()) continue;
    std::string known;
    for (const std::string_view other : kOperators)
      known += message(known.empty() ? "" : ", ", other);
    throw ArgumentError(message("kernels: there is no operator '", name, "'; there are: ", known));
  }
  return forced;
}

std::string_view instruction_set(Device device) {
  switch (device.type()) {
    case Device::Type::cpu:
      return cpu::simd_target();
    case Device::Type::cuda:
      return {};
  }
  throw_invalid(device.type());
}

}  // namespace upconv::kernels
