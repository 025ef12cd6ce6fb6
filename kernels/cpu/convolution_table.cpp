#include <array>

#include <upconv/kernels/cpu/convolution_direct.h>
#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/convolution_reference.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

std::size_t packed_bytes(const ConvProblem& layer, const DeviceCaps&, int) {
  return static_cast<std::size_t>(ConvPackLayout(layer).size) * sizeof(float);
}

void pack(const ConvProblem& layer, int, const ConstTensorView& weight, void* packed, int threads) {
  pack_convolution_weight(layer, weight, static_cast<float*>(packed), threads);
}

}  // namespace

std::span<const ConvRow> convolution_rows() {
  static constexpr std::array kRows = {
      ConvRow{{direct::kName, direct::supports, direct::workspace_bytes, direct::launch},
              packed_bytes,
              nullptr,
              pack},
      ConvRow{{reference::kName, reference::supports, reference::workspace_bytes, reference::launch}},
  };
  return kRows;
}

}  // namespace upconv::kernels::cpu
