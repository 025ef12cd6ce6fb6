#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/copy.cuh>
#include <upconv/kernels/cuda/device/mma_traits.cuh>

/// How input and weights come to shared memory: by cp.async, 4 bytes of input at a time, so that the width
/// and the padding of an image do not matter. 16-bit rows that begin on odd elements come through registers.
namespace upconv::kernels::cuda::device {

/// The block's part of the input, fixed for its tile.
template <class Traits>
class MmaInput {
 public:
  using Element = typename Traits::Element;

  __device__ __forceinline__ MmaInput(const MmaArguments<Element>& p, const MmaTile& tile)
      : p_(p),
        plane_(static_cast<std::int64_t>(p.ih) * p.iw),
        ih0_(tile.oh0 - p.lead_h),
        iw0_(tile.ow0 - p.lead_w - shift(p)),
        x_(static_cast<const Element*>(p.x) +
           (static_cast<std::int64_t>(tile.n) * p.groups + tile.group) * p.ci * plane_) {}

  /// Columns between the tile's origin and what the first output's kw = 0 reads.
  static __device__ __forceinline__ int shift(const MmaArguments<Element>& p) {
    return Traits::kHalves && p.pairs ? p.lead_w & 1 : 0;
  }

  /// Begins to fill a tile [rows + kh - 1][channel][pitch] with a chunk; zeros outside the image and beyond
  /// the last channel.
  __device__ __forceinline__ void fetch(unsigned char* to, int chunk) const {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int c = warp; c < Traits::kChannels; c += Traits::kWarps) {
      const int channel = chunk * Traits::kChannels + c;
      const std::int64_t first = channel * plane_ + static_cast<std::int64_t>(ih0_) * p_.iw + iw0_;
      unsigned char* row = to + c * Traits::kPitchBytes;
      if (!Traits::kHalves || p_.pairs) {
        copy_rows(row, first, channel < p_.ci, lane);
      } else {
        move_rows(row, first, channel < p_.ci, lane);
      }
    }
  }

 private:
  __device__ __forceinline__ bool has_row(int row) const {
    return static_cast<unsigned>(ih0_ + row) < static_cast<unsigned>(p_.ih);
  }
  __device__ __forceinline__ bool has_column(int column) const {
    return static_cast<unsigned>(iw0_ + column) < static_cast<unsigned>(p_.iw);
  }

  /// One channel, a warp to a row, a word to a lane. `first`: index of the tile's origin in the channel.
  __device__ __forceinline__ void copy_rows(unsigned char* to, std::int64_t first, bool exists,
                                            int lane) const {
    constexpr int kElements = 4 / Traits::kElementBytes;  // of a word; all or none lie in the image
    constexpr int kWords = Traits::kReach / kElements, kCopies = (kWords + 31) / 32;
    bool inside[kCopies];
#pragma unroll
    for (int k = 0; k < kCopies; ++k)
      inside[k] = exists && has_column((lane + 32 * k) * kElements);
    const Element* from = x_ + first + lane * kElements;
    to += place_in_row<Traits>(lane * 4);
    const int rows = Traits::kRows + p_.kh - 1;
    for (int row = 0; row < rows; ++row, from += p_.iw, to += Traits::kRowBytes) {
#pragma unroll
      for (int k = 0; k < kCopies; ++k) {
        if (32 * (k + 1) <= kWords || lane + 32 * k < kWords)
          copy_word(to + 128 * k, from + 32 * k * kElements, inside[k] && has_row(row) ? 4 : 0);
      }
    }
  }

  /// The same by elements, a few rows in flight at a time.
  __device__ __forceinline__ void move_rows(unsigned char* to, std::int64_t first, bool exists,
                                            int lane) const {
    constexpr int kCopies = (Traits::kReach + 31) / 32, kRowsInFlight = 5;
    const auto* from = reinterpret_cast<const std::uint16_t*>(x_) + first + lane;
    const int rows = Traits::kRows + p_.kh - 1;
    for (int row0 = 0; row0 < rows; row0 += kRowsInFlight) {
      std::uint16_t values[kRowsInFlight][kCopies];
#pragma unroll
      for (int row = 0; row < kRowsInFlight; ++row) {
#pragma unroll
        for (int k = 0; k < kCopies; ++k) {
          const int column = lane + 32 * k;
          const bool inside = exists && column < Traits::kReach && has_column(column) && row0 + row < rows &&
                              has_row(row0 + row);
          values[row][k] = inside ? __ldg(from + static_cast<std::int64_t>(row0 + row) * p_.iw + 32 * k)
                                  : std::uint16_t{0};
        }
      }
#pragma unroll
      for (int row = 0; row < kRowsInFlight; ++row) {
#pragma unroll
        for (int k = 0; k < kCopies; ++k) {
          const int column = lane + 32 * k;
          if (column < Traits::kReach && row0 + row < rows)
            *reinterpret_cast<std::uint16_t*>(to + (row0 + row) * Traits::kRowBytes + 2 * column) =
                values[row][k];
        }
      }
    }
  }

  const MmaArguments<Element>& p_;
  std::int64_t plane_;
  int ih0_, iw0_;     // input row and column at the tile's origin
  const Element* x_;  // [ci, ih, iw], the group's channels of image n
};

/// Begins to fetch the weights of `taps` taps from `first` on (both counted in kh * kw), of one chunk, as
/// [tap][fragment][part][lane][2 words].
template <class Traits>
__device__ __forceinline__ void fetch_weights(unsigned char* to,
                                              const MmaArguments<typename Traits::Element>& p,
                                              const MmaTile& tile, int chunk, int first, int taps) {
  constexpr int kUnits = Traits::kParts * Traits::kFragmentBytes / 16;  // of a tap
#pragma unroll 1
  for (int f = 0; f < Traits::kFragments; ++f) {
    const int fragment = tile.co0 / 8 + f;
    const std::int64_t tap =
        ((static_cast<std::int64_t>(tile.group) * p.fragments + fragment) * p.chunks + chunk) * p.kh * p.kw +
        first;
    const unsigned char* from =
        static_cast<const unsigned char*>(p.weights) + tap * Traits::kParts * Traits::kFragmentBytes;
    for (int unit = threadIdx.x; unit < taps * kUnits; unit += Traits::kThreads) {
      const int t = unit / kUnits, u = unit % kUnits;
      copy_vector_or_zero(to + t * Traits::kTapBytes + (f * kUnits + u) * 16,
                          from + (t * Traits::kParts * Traits::kFragmentBytes + u * 16),
                          fragment < p.fragments);
    }
  }
}

}  // namespace upconv::kernels::cuda::device
