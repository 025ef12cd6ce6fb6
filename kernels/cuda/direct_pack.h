#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <upconv/framework/float16.h>

/// The weights of the direct convolution as its kernels read them. Plain host code without a GPU.
namespace upconv::kernels::cuda {

/// What the packed numbers are.
enum class DirectNumbers {
  tf32,         ///< f32 rounded to TF32.
  f16_bf16,     ///< 16 bits as they are.
  scaled_f16,   ///< f32 as (h + (l + r) * 2^-11) * 2^exponent, h and l in f16, r in e5m2, for each tile an
                ///< exponent.
  bf16_triples  ///< f32 as h + m + l in bf16.
};

/// What fixes the layout. Channels are those of a group.
struct DirectPacking {
  bool transposed = false;
  int groups = 1, ci = 1, co = 1, kh = 1, kw = 1;
  int co_tile = 32;  ///< Output channels of a block.
  DirectNumbers numbers = DirectNumbers::tf32;

  int element_bytes() const { return numbers == DirectNumbers::tf32 ? 4 : 2; }
  int parts() const {
    return numbers == DirectNumbers::scaled_f16 || numbers == DirectNumbers::bf16_triples ? 3 : 1;
  }
  int kh_slots() const { return kh | 1; }                      ///< The kernels' heights are odd:
  int empty_slots() const { return kh_slots() - kh; }          ///< of an even one the first slot is empty.
  int chunk() const { return element_bytes() == 4 ? 8 : 16; }  ///< Input channels of a k step.
  int steps() const { return (ci + chunk() - 1) / chunk(); }
  int co_tiles() const { return (co + co_tile - 1) / co_tile; }
  int tiles() const { return groups * co_tiles(); }
  /// Bytes of one part of a tap: two halves of 16 bytes for each row and output channel.
  std::size_t part_bytes() const { return 2 * std::size_t(kh_slots() * co_tile) * 16; }
  std::size_t tap_bytes() const { return std::size_t(parts()) * part_bytes(); }
  /// Scaled f16 have l, for its products with l, of two taps at once behind all taps.
  std::size_t step_bytes() const {
    return std::size_t(kw) * tap_bytes() +
           (numbers == DirectNumbers::scaled_f16 ? std::size_t(kw + 1) / 2 * part_bytes() : 0);
  }
  /// Bytes of a block's weights; those of (group, tile of output channels) follow each other.
  std::size_t tile_bytes() const { return std::size_t(steps()) * step_bytes(); }
  std::size_t exponents_offset() const { return std::size_t(tiles()) * tile_bytes(); }
  /// A multiple of 16.
  std::size_t bytes() const {
    const std::size_t exponents = numbers == DirectNumbers::scaled_f16 ? std::size_t(tiles()) * 4 : 0;
    return exponents_offset() + (exponents + 15) / 16 * 16;
  }
};

/// Writes packing.bytes() bytes, on up to so many threads: [group][co tile][step][kw][part][half][kh
/// slot][co][16 bytes], kh and kw as the output gathers (a transposed kernel is flipped), zero beyond the
/// last channel and in an empty slot. A half of a k step is 16 bytes of input channels for each (kh, co):
/// with 4-byte elements channels 8*step + 4*half + {0 1 2 3}; with 2-byte elements 16*step + 8*half + {0 4 1
/// 5 2 6 3 7}, the order in which a thread pairs the channels it reads. Of several parts the highest comes
/// first. That of r is of bytes, e5m2 of channels 16*step + {0 4 8 12 1 5 ...}: in half 0, which meets the
/// input's r, h * 2^-9, in half 1 r. Behind the taps of a step of scaled f16 come bytes of l * 2^-11, [pair
/// of kw][half: which of the pair][kh slot][co][16 bytes]. After all tiles of scaled f16 their exponents, an
/// int32 each. `weight` is PyTorch's, [groups*ci, co, kh, kw] if transposed, else [groups*co, ci, kh, kw];
/// f32 or 16 bits.
void pack_direct(const DirectPacking& packing, const void* weight, void* packed, int threads = 1);

/// The inverse: parts are added up, so that what returns is the weight as the kernel sees it.
void unpack_direct(const DirectPacking& packing, const void* packed, void* weight);

/// Whether scaled f16 hold the weights: in each tile all are finite, and those that are not zero within 2^27
/// of the largest. Down to 2^19 below it they are exact, the others to 22 bits or more.
bool fits_scaled_f16(const DirectPacking& packing, const void* weight, int threads = 1);

/// The nearest TF32 number, ties away from zero; a finite value stays finite.
float round_to_tf32(float value);

/// Three bf16 numbers, highest first, whose sum is the value, unless it is so near the denormals that the
/// last has too few bits. The parts of a value that is not finite are itself and zeros.
std::array<BFloat16, 3> split_to_bf16(float value);

}  // namespace upconv::kernels::cuda
