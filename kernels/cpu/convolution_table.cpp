#include <array>

#include <upconv/kernels/cpu/convolution_reference.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

std::span<const ConvRow> convolution_rows() {
  static constexpr std::array kRows = {
      ConvRow{reference::kName, reference::supports, reference::workspace_bytes, reference::launch},
  };
  return kRows;
}

Tensor pack_weight(const ConvProblem&, const ConstTensorView&) {
  return {};
}

}  // namespace upconv::kernels::cpu
