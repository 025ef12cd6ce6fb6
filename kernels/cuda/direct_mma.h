#pragma once

#include <string_view>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cuda/direct_mma_pack.h>

/// The direct convolution on the matrix units of every GPU since compute capability 8.0: which problems it
/// takes, its packed weights and its launchers, one for each arithmetic, each in a file of its own. Internal:
/// not installed.
namespace upconv::kernels::cuda::direct_mma {

enum class Mode { tf32, f16, bf16, fp32 };

/// What a block computes: a tile of kTileRows rows in one of three shapes.
enum class Tile { wide, few_channels, small };
inline constexpr int kTileRows = 4;
struct TileShape {
  int columns, channels;
};
constexpr TileShape shape_of(Tile tile, Mode mode) {
  const int columns = mode == Mode::fp32 ? 32 : 64;  // fp32 keeps its sums in registers as well
  return tile == Tile::wide           ? TileShape{columns, 32}
         : tile == Tile::few_channels ? TileShape{columns, 8}
                                      : TileShape{16, 16};
}

/// The shape that should finish first. Pure.
Tile choose_tile(const ConvProblem& problem, Mode mode, int multiprocessors);

/// The layout of the layer's weights.
MmaPacking packing_of(const ConvProblem& problem, Mode mode);
/// The name of the mode's row in the table.
constexpr std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return "cuda.direct_mma.tf32.sm80";
    case Mode::f16:
      return "cuda.direct_mma.f16.sm80";
    case Mode::bf16:
      return "cuda.direct_mma.bf16.sm80";
    case Mode::fp32:
      break;
  }
  return "cuda.direct_mma.fp32.sm80";
}

// What the rows pack: see ConvRow. Each has one layout, that of direct_mma_pack.h.
template <Mode kMode>
std::size_t packed_bytes(const ConvProblem& layer, const DeviceCaps& caps, int layout);
template <Mode kMode>
void pack(const ConvProblem& layer, int layout, const ConstTensorView& weight, void* packed, int threads);

Verdict supports_tf32(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_f16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_bf16(const ConvProblem& problem, const DeviceCaps& caps);
Verdict supports_fp32(const ConvProblem& problem, const DeviceCaps& caps);

/// The rows' launches, all of them or none.
struct Launchers {
  decltype(ConvRow::launch) tf32 = nullptr, f16 = nullptr, bf16 = nullptr, fp32 = nullptr;
};

/// What this build has: none where CMAKE_CUDA_ARCHITECTURES names nothing from 8.0 on. The rows then stay in
/// the table, and their verdicts say why they cannot run. Defined in direct_mma_launchers.cpp or in
/// no_direct_mma.cpp, of which one is compiled; nothing else depends on the build.
Launchers launchers();

/// Throw: StateError without packed weights; CudaError.
void launch_tf32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_f16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_bf16(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);
void launch_fp32(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx);

}  // namespace upconv::kernels::cuda::direct_mma
