#include <array>

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
  namespace wgmma = direct_wgmma;
  namespace mma = direct_mma;
  using W = wgmma::Mode;
  using M = mma::Mode;
  const wgmma::Launchers on_hopper = wgmma::launchers();
  const mma::Launchers on_ampere = mma::launchers();
  static const std::array kRows = {
      ConvRow{{"cuda.cublaslt", cublaslt::supports, cublaslt_workspace, cublaslt::launch}},
      ConvRow{{wgmma::name_of(W::tf32), wgmma::supports_tf32, no_workspace, on_hopper.tf32},
              wgmma::packed_bytes<W::tf32>,
              nullptr,
              wgmma::pack<W::tf32>},
      ConvRow{{wgmma::name_of(W::f16), wgmma::supports_f16, no_workspace, on_hopper.f16},
              wgmma::packed_bytes<W::f16>,
              nullptr,
              wgmma::pack<W::f16>},
      ConvRow{{wgmma::name_of(W::bf16), wgmma::supports_bf16, no_workspace, on_hopper.bf16},
              wgmma::packed_bytes<W::bf16>,
              nullptr,
              wgmma::pack<W::bf16>},
      ConvRow{{wgmma::name_of(W::fp32), wgmma::supports_fp32, no_workspace, on_hopper.fp32},
              wgmma::packed_bytes<W::fp32>,
              wgmma::choose_fp32_layout,
              wgmma::pack<W::fp32>},
      ConvRow{{mma::name_of(M::tf32), mma::supports_tf32, no_workspace, on_ampere.tf32},
              mma::packed_bytes<M::tf32>,
              nullptr,
              mma::pack<M::tf32>},
      ConvRow{{mma::name_of(M::f16), mma::supports_f16, no_workspace, on_ampere.f16},
              mma::packed_bytes<M::f16>,
              nullptr,
              mma::pack<M::f16>},
      ConvRow{{mma::name_of(M::bf16), mma::supports_bf16, no_workspace, on_ampere.bf16},
              mma::packed_bytes<M::bf16>,
              nullptr,
              mma::pack<M::bf16>},
      ConvRow{{mma::name_of(M::fp32), mma::supports_fp32, no_workspace, on_ampere.fp32},
              mma::packed_bytes<M::fp32>,
              nullptr,
              mma::pack<M::fp32>},
      ConvRow{{"cuda.plain", always, no_workspace, plain::launch}},
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

std::span<const BinaryRow> binary_rows() {
  static constexpr std::array kRows = {
      BinaryRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

std::span<const PointwiseRow> pointwise_rows() {
  static constexpr std::array kRows = {
      PointwiseRow{"cuda.elementwise", always, no_workspace, elementwise::launch}};
  return kRows;
}

std::span<const PadRow> pad_rows() {
  static constexpr std::array kRows = {PadRow{"cuda.rows", always, no_workspace, padding::launch}};
  return kRows;
}

std::span<const PoolRow> pool2d_rows() {
  static constexpr std::array kRows = {
      PoolRow{"cuda.block", pooling::supports_block, no_workspace, pooling::launch_block},
      PoolRow{"cuda.window", pooling::supports_window, no_workspace, pooling::launch_window}};
  return kRows;
}

std::span<const ResizeRow> resize2d_rows() {
  static constexpr std::array kRows = {
      ResizeRow{"cuda.nearest", resizing::supports_nearest, no_workspace, resizing::launch_nearest},
      ResizeRow{"cuda.tiles", resizing::supports_tiles, no_workspace, resizing::launch_tiles},
      ResizeRow{"cuda.plain", resizing::supports_plain, no_workspace, resizing::launch_plain}};
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

}  // namespace upconv::kernels::cuda
