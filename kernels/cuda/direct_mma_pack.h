#pragma once

#include <cstddef>
#include <cstdint>

/// The weights of the direct convolution on mma.sync as its kernels read them. Plain host code without a GPU.
namespace upconv::kernels::cuda {

/// What the packed numbers are.
enum class MmaNumbers {
  tf32,         ///< f32 rounded to TF32.
  f16_bf16,     ///< 16 bits as they are.
  bf16_triples  ///< f32 as h + m + l in bf16.
};

/// What fixes the layout. Channels are those of a group. The size of the image and the tiles that a launch
/// chooses do not matter.
struct MmaPacking {
  bool transposed = false;
  std::int64_t groups = 1, ci = 1, co = 1, kh = 1, kw = 1;
  MmaNumbers numbers = MmaNumbers::tf32;

  static constexpr std::size_t kFragmentBytes = 256;  ///< 32 bytes of input channels x 8 output channels.
  int element_bytes() const { return numbers == MmaNumbers::tf32 ? 4 : 2; }
  int parts() const { return numbers == MmaNumbers::bf16_triples ? 3 : 1; }
  bool is_scaled() const { return numbers != MmaNumbers::f16_bf16; }
  std::int64_t chunk() const { return 32 / element_bytes(); }  ///< Input channels of a k step.
  std::int64_t chunks() const { return (ci + chunk() - 1) / chunk(); }
  std::int64_t fragments() const { return (co + 7) / 8; }
  /// Bytes of all fragments: where the exponents begin, if there are any.
  std::size_t exponents_offset() const {
    return static_cast<std::size_t>(groups * fragments() * chunks() * kh * kw * parts()) * kFragmentBytes;
  }
  std::size_t bytes() const {  // a multiple of 16
    return exponents_offset() + (is_scaled() ? static_cast<std::size_t>(groups * fragments()) * 32 : 0);
  }
};

/// Writes packing.bytes() bytes, on up to so many threads:
/// [group][fragment][chunk][kh][kw][part][lane][half][4 bytes], kh and kw as the output gathers (a transposed
/// kernel is flipped), zero beyond the last channel. Lane 4g + t of a fragment holds output channel
/// 8*fragment + g; its half h is, with 4-byte elements, input channel 8*chunk + 4h + t; with 2-byte elements
/// 16*chunk + 8h + t and the same + 4, the two that a thread pairs as it reads. `weight` is PyTorch's,
/// [groups*ci, co, kh, kw] if transposed, else [groups*co, ci, kh, kw]; f32 or 16 bits.
///
/// Of several parts the highest comes first. f32: after all fragments stands [group][fragment][8], an int32
/// exponent e for each output channel; the channel's weights are the parts' sum times 2^e. e is 0 unless the
/// largest finite magnitude of the channel is below 2^-24, and then brings it up into [2^-24, 2^-23): all
/// parts stay far from the denormals, and 2^23 products with the largest float there is do not overflow.
void pack_mma(const MmaPacking& packing, const void* weight, void* packed, int threads = 1);

/// The inverse: parts are added up, so that what returns is the weight as the kernel sees it.
void unpack_mma(const MmaPacking& packing, const void* packed, void* weight);

}  // namespace upconv::kernels::cuda
