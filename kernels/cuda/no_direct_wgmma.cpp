#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/direct_wgmma.h>

// In place of direct_wgmma.cpp where CMAKE_CUDA_ARCHITECTURES leaves sm_90a out: the rows stay in the table,
// and their verdicts say why they cannot run.
namespace upconv::kernels::cuda::direct_wgmma {

namespace {

constexpr Verdict kNotBuilt = Verdict::no("this build holds no code for sm_90a");

[[noreturn]] void refuse() {
  throw StateError(
      "cuda.direct_wgmma: this build holds no code for sm_90a: add 90a-real to CMAKE_CUDA_ARCHITECTURES");
}

}  // namespace

std::optional<DirectPacking> packing_of(const ConvProblem&, Mode) {
  return {};
}

Tensor pack_section(const ConvProblem&, const ConstTensorView&, const DeviceCaps&) {
  return {};
}

Verdict supports_tf32(const ConvProblem&, const DeviceCaps&) {
  return kNotBuilt;
}
Verdict supports_f16(const ConvProblem&, const DeviceCaps&) {
  return kNotBuilt;
}
Verdict supports_bf16(const ConvProblem&, const DeviceCaps&) {
  return kNotBuilt;
}
Verdict supports_fp32(const ConvProblem&, const DeviceCaps&) {
  return kNotBuilt;
}

void launch_tf32(const ConvProblem&, const ConvOperands&, ExecutionContext&) {
  refuse();
}
void launch_f16(const ConvProblem&, const ConvOperands&, ExecutionContext&) {
  refuse();
}
void launch_bf16(const ConvProblem&, const ConvOperands&, ExecutionContext&) {
  refuse();
}
void launch_fp32(const ConvProblem&, const ConvOperands&, ExecutionContext&) {
  refuse();
}

}  // namespace upconv::kernels::cuda::direct_wgmma
