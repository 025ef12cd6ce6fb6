#include <array>

#include <upconv/kernels/cuda/rows.h>
#include <upconv/kernels/cuda/tables.h>

namespace upconv::kernels::cuda {

namespace {

/// For rows that support every problem on every GPU, without scratch memory.
template <class Problem>
Verdict always(const Problem&, const DeviceCaps&) {
  return Verdict::yes();
}
template <class Problem>
std::size_t no_workspace(const Problem&, const ExecutionContext&) {
  return 0;
}
template <class Problem>
std::size_t cublaslt_workspace(const Problem&, const ExecutionContext&) {
  return cublaslt::workspace_bytes();
}

}  // namespace

std::span<const ConvRow> convolution_rows() {
  static constexpr std::array kRows = {
      ConvRow{"cuda.cublaslt", cublaslt::supports, cublaslt_workspace, cublaslt::launch},
      ConvRow{"cuda.plain", always, no_workspace, plain::launch},
  };
  return kRows;
}

std::span<const LinearRow> linear_rows() {
  static constexpr std::array kRows = {
      LinearRow{"cuda.cublaslt", cublaslt::supports, cublaslt_workspace, cublaslt::launch},
      LinearRow{"cuda.plain", always, no_workspace, plain::launch},
  };
  return kRows;
}

std::span<const ActivationRow> activation_rows() {
  static constexpr std::array kRows = {
      ActivationRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

std::span<const ChannelAffineRow> channel_affine_rows() {
  static constexpr std::array kRows = {
      ChannelAffineRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

Tensor pack_weight(const ConvProblem&, const ConstTensorView&, Device) {
  return {};  // both rows read the weight as PyTorch stores it
}

}  // namespace upconv::kernels::cuda
