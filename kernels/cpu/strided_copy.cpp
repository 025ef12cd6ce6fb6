// cpu.rows, cpu.strided: copies by strides.
//
// Idea. The last dimension of y is walked innermost, so that y is written in order. If x is in order there
// too, a row is a memcpy (cpu.rows). If another dimension of x has stride one, as in a transposition, the two
// are walked in squares of 32 x 32 elements: the lines of x that a square reads stay in L1 until all of them
// is used (cpu.strided). Threads share the outer dimensions in equal parts.
//
// Bytes. Each element is read once and written once.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

constexpr std::int64_t kSquare = 32;

/// The dimensions that are not walked innermost, as one index.
struct OuterLoop {
  std::int64_t count = 1;
  int rank = 0;
  StridedCopyProblem::Sizes sizes{}, x_strides{}, y_strides{};

  void add(const StridedCopyProblem& p, int dim) {
    const auto from = static_cast<std::size_t>(dim), to = static_cast<std::size_t>(rank++);
    sizes[to] = p.sizes[from];
    x_strides[to] = p.x_strides[from];
    y_strides[to] = p.y_strides[from];
    count *= p.sizes[from];
  }
  /// Where the inner dimensions begin, in elements of x and y.
  std::array<std::int64_t, 2> offsets(std::int64_t index) const {
    std::int64_t x = 0, y = 0;
    for (auto i = static_cast<std::size_t>(rank); i-- > 0;) {
      const std::int64_t at = index % sizes[i];
      index /= sizes[i];
      x += at * x_strides[i];
      y += at * y_strides[i];
    }
    return {x, y};
  }
};

Verdict supports_rows(const StridedCopyProblem& p, const DeviceCaps&) {
  const auto last = static_cast<std::size_t>(p.rank) - 1;
  return p.rank == 0 || (p.x_strides[last] == 1 && p.y_strides[last] == 1)
             ? Verdict::yes()
             : Verdict::no("only for rows that lie alike in both tensors");
}
Verdict supports_strided(const StridedCopyProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const StridedCopyProblem&, const ExecutionContext&) {
  return 0;
}

void launch_rows(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  OuterLoop outer;
  for (int dim = 0; dim + 1 < p.rank; ++dim)
    outer.add(p, dim);
  const std::int64_t row = p.rank == 0 ? 1 : p.sizes[static_cast<std::size_t>(p.rank) - 1];
  const std::byte* x = operands.x_begin(p);
  std::byte* y = operands.y_begin(p);
  const std::int64_t bytes = p.element_bytes;
  for_each_chunk(outer.count * row, ctx.num_threads(), [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t at = begin % row, count = std::min(row - at, end - begin);
      const auto [from, to] = outer.offsets(begin / row);
      std::memcpy(y + (to + at) * bytes, x + (from + at) * bytes, static_cast<std::size_t>(count * bytes));
      begin += count;
    }
  });
}

/// The dimension, other than the last, along which x's elements lie closest; -1 if the last is as good.
int dimension_to_square(const StridedCopyProblem& p) {
  const auto step = [&](int dim) { return std::abs(p.x_strides[static_cast<std::size_t>(dim)]); };
  if (step(p.rank - 1) <= 1) return -1;
  for (int dim = p.rank - 2; dim >= 0; --dim) {
    if (step(dim) == 1) return dim;
  }
  return -1;
}

/// A row at a time, each element by its stride.
template <class T>
void copy_rows(const StridedCopyProblem& p, const StridedCopyOperands& operands, int threads) {
  OuterLoop outer;
  for (int dim = 0; dim + 1 < p.rank; ++dim)
    outer.add(p, dim);
  const auto last = static_cast<std::size_t>(p.rank) - 1;
  const std::int64_t row = p.sizes[last], x_step = p.x_strides[last], y_step = p.y_strides[last];
  for_each_chunk(outer.count * row, threads, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t at = begin % row, count = std::min(row - at, end - begin);
      const auto [from, to] = outer.offsets(begin / row);
      const T* source = reinterpret_cast<const T*>(operands.x_begin(p)) + from + at * x_step;
      T* target = reinterpret_cast<T*>(operands.y_begin(p)) + to + at * y_step;
      for (std::int64_t i = 0; i < count; ++i)
        target[i * y_step] = source[i * x_step];
      begin += count;
    }
  });
}

/// Bands of squares: rows along dimension `square`, in which x's elements lie side by side.
template <class T>
void copy_squares(const StridedCopyProblem& p, const StridedCopyOperands& operands, int square, int threads) {
  OuterLoop outer;
  for (int dim = 0; dim + 1 < p.rank; ++dim) {
    if (dim != square) outer.add(p, dim);
  }
  const auto last = static_cast<std::size_t>(p.rank) - 1, other = static_cast<std::size_t>(square);
  const std::int64_t rows = p.sizes[other], columns = p.sizes[last];
  const std::int64_t x_row = p.x_strides[other], y_row = p.y_strides[other];
  const std::int64_t x_column = p.x_strides[last], y_column = p.y_strides[last];
  const std::int64_t bands = (rows + kSquare - 1) / kSquare;
  // for_each_chunk counts elements: the chunk that holds a band's first one has the band.
  const std::int64_t band = std::min(rows, kSquare) * columns;
  for_each_chunk(outer.count * bands * band, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = (begin + band - 1) / band; item * band < end; ++item) {
      const auto [from, to] = outer.offsets(item / bands);
      const std::int64_t row0 = item % bands * kSquare, row1 = std::min(row0 + kSquare, rows);
      for (std::int64_t column0 = 0; column0 < columns; column0 += kSquare) {
        const std::int64_t column1 = std::min(column0 + kSquare, columns);
        for (std::int64_t row = row0; row < row1; ++row) {
          const T* source = reinterpret_cast<const T*>(operands.x_begin(p)) + from + row * x_row;
          T* target = reinterpret_cast<T*>(operands.y_begin(p)) + to + row * y_row;
          for (std::int64_t column = column0; column < column1; ++column)
            target[column * y_column] = source[column * x_column];
        }
      }
    }
  });
}

template <class T>
void copy_strided(const StridedCopyProblem& p, const StridedCopyOperands& operands, int threads) {
  const int square = dimension_to_square(p);
  square < 0 ? copy_rows<T>(p, operands, threads) : copy_squares<T>(p, operands, square, threads);
}

void launch_strided(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  switch (p.element_bytes) {
    case 2:
      return copy_strided<std::uint16_t>(p, operands, ctx.num_threads());
    case 4:
      return copy_strided<std::uint32_t>(p, operands, ctx.num_threads());
    case 8:
      return copy_strided<std::uint64_t>(p, operands, ctx.num_threads());
  }
}

}  // namespace

std::span<const StridedCopyRow> strided_copy_rows() {
  static constexpr std::array kRows = {
      StridedCopyRow{"cpu.rows", supports_rows, workspace_bytes, launch_rows},
      StridedCopyRow{"cpu.strided", supports_strided, workspace_bytes, launch_strided}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
