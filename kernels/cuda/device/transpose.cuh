#pragma once

#include <type_traits>

#include <upconv/kernels/cuda/device/strided_copy.cuh>

namespace upconv::kernels::cuda::device {

/// The two dimensions of a transposition: y's elements lie side by side along columns, x's along rows.
struct TransposedPlane {
  std::int64_t rows, columns;
  std::int64_t x_column, y_row;  // strides
  Divisor row_tiles, column_tiles;
  bool x_pairs, y_pairs;  // every second element begins a word, in every column of x, every row of y
};

/// A tile of kRows x kColumns elements and how it lies in shared memory: as words of kPack elements of a row
/// of y. Elements of 2 bytes come in squares of 2 x 2, whose even and odd rows lie apart.
template <class T, int kRows, int kColumns>
struct TransposeTile {
  static constexpr int kPack = sizeof(T) == 2 ? 2 : 1;
  using Word = std::conditional_t<sizeof(T) == 2, std::uint32_t, T>;
  static constexpr int kLines = kRows / kPack;      // words of a column of x
  static constexpr int kPlaces = kColumns / kPack;  // words of a row of y
  // A warp stores words of up to 32 lines and of 32 / kLines places: all in different banks. Where it loads
  // two rows of 16 places, these are an even and an odd one, whose halves are 16 banks apart.
  static constexpr int kPitch = kPlaces + (kLines < 32 ? 32 / kLines : 1);
  static constexpr int kShift = kPack == 2 && kPlaces == 16 ? 16 : 0;
  static constexpr int kHalf = kLines * kPitch + (kShift + 32 - kLines * kPitch % 32) % 32;
  static_assert(kPlaces >= 32 || kPlaces * kPack == 32);
  static_assert(256 % kLines == 0 && 256 % kPlaces == 0 && kLines * kPlaces % 256 == 0);

  Word words[kPack][kHalf];
};

/// Elements at[0] and at[1], of which `valid` are there, as one word.
__device__ __forceinline__ std::uint32_t load_pair(const std::uint16_t* at, std::int64_t valid,
                                                   bool aligned) {
  if (aligned && valid >= 2) return *reinterpret_cast<const std::uint32_t*>(at);
  const std::uint32_t low = valid >= 1 ? at[0] : 0, high = valid >= 2 ? at[1] : 0;
  return low | high << 16;
}
__device__ __forceinline__ void store_pair(std::uint16_t* at, std::uint32_t word, std::int64_t valid,
                                           bool aligned) {
  if (aligned && valid >= 2) {
    *reinterpret_cast<std::uint32_t*>(at) = word;
    return;
  }
  if (valid >= 1) at[0] = static_cast<std::uint16_t>(word);
  if (valid >= 2) at[1] = static_cast<std::uint16_t>(word >> 16);
}

/// A block a tile, which it turns in shared memory; `outer` counts planes. A thread loads all its words
/// before it stores one.
template <class T, int kRows, int kColumns>
__global__ void __launch_bounds__(256)
    transpose_copy(const T* x, T* y, TransposedPlane plane, StridedCopyArguments outer) {
  using Tile = TransposeTile<T, kRows, kColumns>;
  using Word = typename Tile::Word;
  constexpr int kPack = Tile::kPack;
  __shared__ Tile tile;
  const std::uint32_t line_of_tiles = plane.column_tiles.quotient(blockIdx.x);
  const std::uint32_t which = plane.row_tiles.quotient(line_of_tiles);
  const std::int64_t column0 =
      std::int64_t{blockIdx.x - line_of_tiles * static_cast<std::uint32_t>(plane.column_tiles.divisor)} *
      kColumns;
  const std::int64_t row0 =
      std::int64_t{line_of_tiles - which * static_cast<std::uint32_t>(plane.row_tiles.divisor)} * kRows;
  std::int64_t from = 0, to = 0;
  outer.walk(which, from, to);
  const int tid = static_cast<int>(threadIdx.x);
  {
    constexpr int kStep = 256 / Tile::kLines, kSteps = Tile::kPlaces / kStep;
    const int line = tid % Tile::kLines, place = tid / Tile::kLines;
    const std::int64_t rows = plane.rows - row0 - line * kPack;  // that are left from this thread's on
    const std::int64_t columns = plane.columns - column0;
    const T* at = x + from + (column0 + place * kPack) * plane.x_column + row0 + line * kPack;
    Word words[kSteps][kPack];
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
#pragma unroll
      for (int k = 0; k < kPack; ++k) {
        const bool inside = (place + i * kStep) * kPack + k < columns;
        const T* const column = at + (i * kStep * kPack + k) * plane.x_column;
        if constexpr (kPack == 2) {
          words[i][k] = load_pair(column, inside ? rows : 0, plane.x_pairs);
        } else {
          words[i][k] = inside && rows > 0 ? *column : Word{};
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const int index = line * Tile::kPitch + place + i * kStep;
      if constexpr (kPack == 2) {
        tile.words[0][index] = __byte_perm(words[i][0], words[i][1], 0x5410);
        tile.words[1][index] = __byte_perm(words[i][0], words[i][1], 0x7632);
      } else {
        tile.words[0][index] = words[i][0];
      }
    }
  }
  __syncthreads();
  constexpr int kStep = 256 / Tile::kPlaces, kSteps = kRows / kStep;
  const int place = tid % Tile::kPlaces, row = tid / Tile::kPlaces;
  const std::int64_t columns = plane.columns - column0 - place * kPack;
  T* at = y + to + (row0 + row) * plane.y_row + column0 + place * kPack;
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    const int r = row + i * kStep;
    if (row0 + r >= plane.rows) break;
    const Word word = tile.words[r % kPack][r / kPack * Tile::kPitch + place];
    if constexpr (kPack == 2) {
      store_pair(at + i * kStep * plane.y_row, word, columns, plane.y_pairs);
    } else {
      if (columns > 0) at[i * kStep * plane.y_row] = word;
    }
  }
}

}  // namespace upconv::kernels::cuda::device
