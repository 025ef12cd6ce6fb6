#include <array>

#include <upconv/kernels/cpu/convolution_direct.h>
#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/convolution_reference.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

std::span<const ConvRow> convolution_rows() {
  static constexpr std::array kRows = {
      ConvRow{direct::kName, direct::supports, direct::workspace_bytes, direct::launch},
      ConvRow{reference::kName, reference::supports, reference::workspace_bytes, reference::launch},
  };
  return kRows;
}

Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight) {
  return pack_convolution_weight(problem, weight);
}

}  // namespace upconv::kernels::cpu
