#include <array>

#include <upconv/kernels/cuda/direct_wgmma.h>
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
      ConvRow{"cuda.direct_wgmma.tf32.sm90", direct_wgmma::supports_tf32, no_workspace,
              direct_wgmma::launch_tf32},
      ConvRow{"cuda.direct_wgmma.f16.sm90", direct_wgmma::supports_f16, no_workspace,
              direct_wgmma::launch_f16},
      ConvRow{"cuda.direct_wgmma.bf16.sm90", direct_wgmma::supports_bf16, no_workspace,
              direct_wgmma::launch_bf16},
      ConvRow{"cuda.direct_wgmma.fp32.sm90", direct_wgmma::supports_fp32, no_workspace,
              direct_wgmma::launch_fp32},
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

/// The other rows read the weight as PyTorch stores it.
Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight, Device device) {
  return direct_wgmma::pack_weight(problem, weight, device);
}

}  // namespace upconv::kernels::cuda
