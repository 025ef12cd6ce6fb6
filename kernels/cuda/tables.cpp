#include <array>
#include <cstring>

#include <upconv/kernels/cuda/direct_mma.h>
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
std::size_t cublaslt_workspace(const Problem& problem, const ExecutionContext&) {
  return cublaslt::workspace_bytes(problem);
}

}  // namespace

std::span<const ConvRow> convolution_rows() {
  static const std::array kRows = {
      ConvRow{"cuda.cublaslt", cublaslt::supports, cublaslt_workspace, cublaslt::launch},
      ConvRow{"cuda.direct_wgmma.tf32.sm90", direct_wgmma::supports_tf32, no_workspace,
              direct_wgmma::launchers().tf32},
      ConvRow{"cuda.direct_wgmma.f16.sm90", direct_wgmma::supports_f16, no_workspace,
              direct_wgmma::launchers().f16},
      ConvRow{"cuda.direct_wgmma.bf16.sm90", direct_wgmma::supports_bf16, no_workspace,
              direct_wgmma::launchers().bf16},
      ConvRow{"cuda.direct_wgmma.fp32.sm90", direct_wgmma::supports_fp32, no_workspace,
              direct_wgmma::launchers().fp32},
      ConvRow{"cuda.direct_mma.tf32.sm80", direct_mma::supports_tf32, no_workspace,
              direct_mma::launchers().tf32},
      ConvRow{"cuda.direct_mma.f16.sm80", direct_mma::supports_f16, no_workspace,
              direct_mma::launchers().f16},
      ConvRow{"cuda.direct_mma.bf16.sm80", direct_mma::supports_bf16, no_workspace,
              direct_mma::launchers().bf16},
      ConvRow{"cuda.direct_mma.fp32.sm80", direct_mma::supports_fp32, no_workspace,
              direct_mma::launchers().fp32},
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

std::span<const BinaryRow> binary_rows() {
  static constexpr std::array kRows = {
      BinaryRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

std::span<const ChannelAffineRow> channel_affine_rows() {
  static constexpr std::array kRows = {
      ChannelAffineRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

std::span<const PoolRow> pool2d_rows() {
  static constexpr std::array kRows = {
      PoolRow{"cuda.block", pooling::supports_block, no_workspace, pooling::launch_block},
      PoolRow{"cuda.window", pooling::supports_window, no_workspace, pooling::launch_window}};
  return kRows;
}

std::span<const StridedCopyRow> strided_copy_rows() {
  static constexpr std::array kRows = {
      StridedCopyRow{"cuda.memcpy", movement::supports_memcpy, no_workspace, movement::launch_memcpy},
      StridedCopyRow{"cuda.transpose", movement::supports_transpose, no_workspace,
                     movement::launch_transpose},
      StridedCopyRow{"cuda.strided", always, no_workspace, movement::launch_strided}};
  return kRows;
}

/// The packed tensor has two sections: first the weights of direct_wgmma, if it serves the layer on this GPU
/// (whose mark of wide weights the tensor keeps), and last those of direct_mma, which serves every GPU
/// from 8.0 on, so that its rows can be forced on Hopper too. The second begins on a boundary of 16 bytes and
/// ends with the tensor. The other rows read the weight as PyTorch stores it.
Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight, Device device) {
  const DeviceCaps caps = device_caps(device);
  Tensor host_weight;
  ConstTensorView from = weight;
  if (!weight.device().is_cpu()) {
    host_weight = Tensor::empty(weight.shape(), weight.dtype());
    copy(host_weight, weight);
    from = host_weight;
  }
  const Tensor first = direct_wgmma::pack_section(problem, from, caps);
  const std::size_t last_bytes = direct_mma::section_bytes(problem, caps);
  if (last_bytes == 0) return first.defined() ? first.to(device) : Tensor();

  const std::size_t first_bytes = first.defined() ? first.spec().bytes() : 0;
  const std::size_t begin = (first_bytes + 15) / 16 * 16;
  const auto elements = static_cast<std::int64_t>((begin + last_bytes) / size_of(problem.dtype));
  const bool wide = first.defined() && direct_wgmma::holds_wide(first);
  Tensor packed = Tensor::zeros(direct_wgmma::packed_shape(elements, wide), problem.dtype);
  auto* to = static_cast<unsigned char*>(packed.view().raw());
  if (first.defined()) std::memcpy(to, first.view().raw(), first_bytes);
  direct_mma::pack_section(problem, from, to + begin);
  return packed.to(device);
}

}  // namespace upconv::kernels::cuda
