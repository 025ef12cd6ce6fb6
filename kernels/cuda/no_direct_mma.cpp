#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/direct_mma.h>

// In place of direct_mma.cpp where CMAKE_CUDA_ARCHITECTURES names nothing from 8.0 on: the rows stay in the
// table, and their verdicts say why they cannot run.
namespace upconv::kernels::cuda::direct_mma {

namespace {

constexpr Verdict kNotBuilt = Verdict::no("this build holds no code for sm_80 or newer");

[[noreturn]] void refuse() {
  throw StateError(
      "cuda.direct_mma: this build holds no code for sm_80 or newer: add 80 to CMAKE_CUDA_ARCHITECTURES");
}

}  // namespace

Tile choose_tile(const ConvProblem&, Mode, int) {
  return Tile::wide;
}

MmaPacking packing_of(const ConvProblem&) {
  return {};
}

std::size_t section_bytes(const ConvProblem&, const DeviceCaps&) {
  return 0;
}

void pack_section(const ConvProblem&, const ConstTensorView&, void*) {}

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

}  // namespace upconv::kernels::cuda::direct_mma
