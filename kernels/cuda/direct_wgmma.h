#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cuda/direct_pack.h>

/// The direct convolution on Hopper's warpgroup matrix units: which problems it takes, its packed weights and
/// its launchers, one for each arithmetic, each in a file of its own. Internal: not installed.
namespace upconv::kernels::cuda::direct_wgmma {

/// Each is an arithmetic of its own. fp32 runs on scaled f16; fp32_wide, on triples of bf16, stands in for it
/// where the weights' range is too wide for f16.
enum class Mode { tf32, f16, bf16, fp32, fp32_wide };

/// What a block needs beside its weights: its header, and the least stages of its rings: four of two in fp32,
/// whose four feeder warps have stages of their own, else three of two or two of three. A stage is a chunk of
/// 16 channels x 72 floats or 144 halves, and in fp32 what scaled f16 have no room for.
constexpr int least_beside_weights(Mode mode) {
  const int stage = mode == Mode::fp32 ? 5888 : 4608;
  const int stages = mode == Mode::fp32 || mode == Mode::fp32_wide ? 4 : 3;
  return 2048 + 2 * stages * stage;
}

/// Kernel rows and output channels that a block's accumulators hold; best first among those of a height. The
/// launchers instantiate just these, for every width.
struct DirectTile {
  int kh_slots, co;
};
template <Mode kMode>
inline constexpr auto kDirectTiles = std::to_array<DirectTile>({{1, 32}, {3, 32}, {3, 16}, {5, 16}, {7, 16}});
template <>
inline constexpr auto kDirectTiles<Mode::fp32> =
    std::to_array<DirectTile>({{1, 32}, {3, 32}, {3, 16}, {5, 16}, {5, 8}, {7, 8}});
template <>
inline constexpr auto kDirectTiles<Mode::fp32_wide> =
    std::to_array<DirectTile>({{1, 32}, {3, 16}, {3, 8}, {5, 8}, {7, 8}});

/// The weights' layout for these channels and kernel, or nothing if they do not fit a block's shared memory.
std::optional<DirectPacking> packing_of(const ConvProblem& problem, Mode mode);

/// The name of the mode's row in the table. fp32_wide is fp32's row with weights in another layout.
constexpr std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return "cuda.direct_wgmma.tf32.sm90";
    case Mode::f16:
      return "cuda.direct_wgmma.f16.sm90";
    case Mode::bf16:
      return "cuda.direct_wgmma.bf16.sm90";
    case Mode::fp32:
    case Mode::fp32_wide:
      break;
  }
  return "cuda.direct_wgmma.fp32.sm90";
}

/// Layouts of fp32's row: that of fp32, and of fp32_wide. The other rows have layout 0 alone.
inline constexpr int kScaledLayout = 0, kWideLayout = 1;

// What the rows pack: see ConvRow.
template <Mode kMode>
std::size_t packed_bytes(const ConvProblem& layer, const DeviceCaps& caps, int layout);
template <Mode kMode>
void pack(const ConvProblem& layer, int layout, const ConstTensorView& weight, void* packed, int threads);
int choose_fp32_layout(const ConvProblem& layer, const ConstTensorView& weight, int threads);

Verdict supports_tf32(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_f16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_bf16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_fp32(const ConvProblem& problem, const DeviceCaps& caps);

/// The rows' launches, all of them or none.
struct Launchers {
  decltype(ConvRow::launch) tf32 = nullptr, f16 = nullptr, bf16 = nullptr, fp32 = nullptr;
};

/// What this build has: none where CMAKE_CUDA_ARCHITECTURES leaves sm_90a out. The rows then stay in the
/// table, and their verdicts say why they cannot run. Defined in direct_wgmma_launchers.cpp or in
/// no_direct_wgmma.cpp, of which one is compiled; nothing else depends on the build.
Launchers launchers();

/// Throw: StateError without packed weights; CudaError.
void launch_tf32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
/// Of launch_fp32, for weights that were packed for fp32_wide.
void launch_fp32_wide(const ConvProblem& problem, const ConvOperands& operands, const unsigned char* weights,
                      ExecutionContext& ctx);

}  // namespace upconv::kernels::cuda::direct_wgmma
