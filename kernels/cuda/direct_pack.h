#pragma once

#include <cstddef>
#include <cstdint>

/// The weights of the direct convolution as its kernels read them. Plain host code without a GPU.
namespace upconv::kernels::cuda {

/// What fixes the layout. Channels are those of a group.
struct DirectPacking {
  bool transposed = false;
  int groups = 1, ci = 1, co = 1, kh = 1, kw = 1;
  int co_tile = 32;       ///< Output channels of a block.
  int element_bytes = 4;  ///< 4: TF32 numbers, 2: f16 or bf16.
  int parts = 1;          ///< 2: high and low TF32 part of every weight.

  int chunk() const { return element_bytes == 4 ? 8 : 16; }  ///< Input channels of a k step.
  int steps() const { return (ci + chunk() - 1) / chunk(); }
  int co_tiles() const { return (co + co_tile - 1) / co_tile; }
  /// Bytes of a block's weights; those of (group, tile of output channels) follow each other.
  std::size_t tile_bytes() const {
    return std::size_t(steps()) * std::size_t(kw) * std::size_t(parts) * 2 * std::size_t(kh * co_tile) * 16;
  }
  std::size_t bytes() const { return std::size_t(groups * co_tiles()) * tile_bytes(); }
};

/// Writes packing.bytes() bytes: [group][co tile][step][kw][part][half][kh][co][16 bytes], kh and kw as the
/// output gathers (a transposed kernel is flipped), zero beyond the last channel. A half of a k step is 16
/// bytes of input channels for each (kh, co): with 4-byte elements channels 8*step + 4*half + {0 1 2 3}; with
/// 2-byte elements 16*step + 8*half + {0 4 1 5 2 6 3 7}, the order in which a thread pairs the channels it
/// reads. `weight` is PyTorch's, [groups*ci, co, kh, kw] if transposed, else [groups*co, ci, kh, kw]; f32 or
/// 16 bits.
void pack_direct(const DirectPacking& packing, const void* weight, void* packed);

/// The inverse: parts are added up, so that what returns is the weight as the kernel sees it.
void unpack_direct(const DirectPacking& packing, const void* packed, void* weight);

/// The nearest TF32 number, ties away from zero; a finite value stays finite.
float round_to_tf32(float value);

}  // namespace upconv::kernels::cuda
