#include <cstdint>

#include <upconv/kernels/cuda/device/transpose.cuh>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>
#include <upconv/kernels/cuda/strided_copy.h>

// cuda.transpose: where x's elements lie side by side along another dimension than y's.
//
// A block of 256 threads turns a tile in shared memory, 8 KB, eight words a thread, all of whose loads are
// under way at once: 2,048 elements of 4 bytes, 4,096 of 2 bytes. A warp reads and writes words that lie
// together, 64 bytes at the least. Elements of 2 bytes move as words on both sides: 2 x 2 of them change
// places in registers, so that shared memory holds words only. Tiles are 64 x 64, or long where one of the
// two dimensions is short, as channels often are. Positions of tiles are divided in 32 bits.
namespace upconv::kernels::cuda::movement {

namespace {

constexpr std::int64_t kFewest = 8;  // elements along each dimension
constexpr std::int64_t kShort = 32;

/// The dimension along which x's elements lie side by side, if it is not the last and large enough to gain;
/// or -1.
int transposed_dimension(const StridedCopyProblem& p) {
  if (p.rank < 2 || p.y_strides[last_of(p)] != 1 || p.x_strides[last_of(p)] < 4 ||
      p.sizes[last_of(p)] < kFewest)
    return -1;
  for (int dim = p.rank - 2; dim >= 0; --dim) {
    if (p.x_strides[static_cast<std::size_t>(dim)] == 1 && p.sizes[static_cast<std::size_t>(dim)] >= kFewest)
      return dim;
  }
  return -1;
}

/// Elements of a tile.
struct TileShape {
  int rows, columns;
};

TileShape tile_of(const StridedCopyProblem& p, std::size_t square) {
  const bool few_columns = p.sizes[last_of(p)] <= kShort, few_rows = p.sizes[square] <= kShort;
  if (p.element_bytes == 8) return {32, 32};
  if (p.element_bytes == 4) return few_columns ? TileShape{64, 32} : TileShape{32, 64};
  return few_columns ? TileShape{128, 32} : few_rows ? TileShape{32, 128} : TileShape{64, 64};
}

std::int64_t tiles_of(const StridedCopyProblem& p, std::size_t square) {
  const TileShape tile = tile_of(p, square);
  const std::int64_t rows = p.sizes[square], columns = p.sizes[last_of(p)];
  return p.count() / rows / columns * ceil_div(rows, tile.rows) * ceil_div(columns, tile.columns);
}

/// True if elements at even positions along `side` begin words wherever the other dimensions lead.
bool begins_words(const StridedCopyProblem& p, const void* begin, const StridedCopyProblem::Sizes& strides,
                  std::size_t side) {
  std::uint64_t power = common_power(4, address_of(begin));
  for (std::size_t dim = 0; dim < static_cast<std::size_t>(p.rank); ++dim) {
    if (dim != side) power = common_power(power, strides[dim] * p.element_bytes);
  }
  return power == 4;
}

/// Calls visit(std::type_identity<T>, std::integral_constant<int, rows>, likewise columns).
template <class Visit>
void visit_tile(const StridedCopyProblem& p, TileShape shape, Visit&& visit) {
  const auto call = [&]<class T, int kRows, int kColumns>() {
    visit(std::type_identity<T>{}, std::integral_constant<int, kRows>{},
          std::integral_constant<int, kColumns>{});
  };
  switch (p.element_bytes) {
    case 2:
      return shape.rows == 64    ? call.template operator()<std::uint16_t, 64, 64>()
             : shape.rows == 128 ? call.template operator()<std::uint16_t, 128, 32>()
                                 : call.template operator()<std::uint16_t, 32, 128>();
    case 4:
      return shape.rows == 64 ? call.template operator()<std::uint32_t, 64, 32>()
                              : call.template operator()<std::uint32_t, 32, 64>();
    case 8:
      return call.template operator()<std::uint64_t, 32, 32>();
  }
}

}  // namespace

Verdict supports_transpose(const StridedCopyProblem& p, const DeviceCaps&) {
  const int square = transposed_dimension(p);
  if (square < 0) return Verdict::no("only for transpositions of 8 x 8 elements and more");
  if (p.count() > 0 && tiles_of(p, static_cast<std::size_t>(square)) > 0x7fffffff)
    return Verdict::no("there must be fewer than 2^31 tiles");
  return Verdict::yes();
}

void launch_transpose(const StridedCopyProblem& p, const StridedCopyOperands& operands,
                      ExecutionContext& ctx) {
  const auto square = static_cast<std::size_t>(transposed_dimension(p));
  const TileShape shape = tile_of(p, square);
  const device::TransposedPlane plane{
      .rows = p.sizes[square],
      .columns = p.sizes[last_of(p)],
      .x_column = p.x_strides[last_of(p)],
      .y_row = p.y_strides[square],
      .row_tiles = divisor_of(ceil_div(p.sizes[square], shape.rows)),
      .column_tiles = divisor_of(ceil_div(p.sizes[last_of(p)], shape.columns)),
      .x_pairs = begins_words(p, operands.x_begin(p), p.x_strides, square),
      .y_pairs = begins_words(p, operands.y_begin(p), p.y_strides, last_of(p))};
  visit_tile(p, shape,
             [&]<class T, int kRows, int kColumns>(std::type_identity<T>, std::integral_constant<int, kRows>,
                                                   std::integral_constant<int, kColumns>) {
               launch_kernel(device::transpose_copy<T, kRows, kColumns>, tiles_of(p, square), 256, ctx,
                             reinterpret_cast<const T*>(operands.x_begin(p)),
                             reinterpret_cast<T*>(operands.y_begin(p)), plane,
                             without(p, square, last_of(p)));
             });
}

}  // namespace upconv::kernels::cuda::movement
