// cpu.rows, cpu.reference: elements added to the ends of dimensions, or cut off.
//
// Idea. A row is the last dimension of y. Its inner part is a row of x, or a part of one, and is a memcpy;
// its borders are written element by element. Which row of x that is follows from the other dimensions, whose
// indices are counted on from row to row, without a division. Threads take chunks of 32K elements of y, which
// may begin and end inside a row, so that one long row has several threads too.
//
// Bytes. x is read once, rows of x that stand in the border again from L2 or further; y is written once. On
// one thread of a shared machine, f32: 64x256x256 by one pixel 0.75 ms (PyTorch 2.15: constant 1.0, reflect
// 0.69; a copy of the result 0.5), 3x1024x1024 by three 0.33 ms (0.71, 0.40). Rows of 14 pixels cost 6 ns
// each, most of it not memory: 4096x14x14 0.40 ms (0.20, 0.37).

#include <algorithm>
#include <array>
#include <cstring>

#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

Verdict always(const PadProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const PadProblem&, const ExecutionContext&) {
  return 0;
}

std::size_t last_of(const PadProblem& p) {
  return static_cast<std::size_t>(p.rank) - 1;
}
std::int64_t y_size(const PadProblem& p, std::size_t dim) {
  return p.before[dim] + p.sizes[dim] + p.after[dim];
}

/// Which element of x's dimension stands at `at` of y's; -1 for the constant.
template <PadMode kMode>
std::int64_t source_of(const PadProblem& p, std::size_t dim, std::int64_t at) {
  const std::int64_t size = p.sizes[dim], source = at - p.before[dim];
  if (source >= 0 && source < size) return source;
  if constexpr (kMode == PadMode::reflect) return source < 0 ? -source : 2 * (size - 1) - source;
  if constexpr (kMode == PadMode::replicate) return source < 0 ? 0 : size - 1;
  if constexpr (kMode == PadMode::circular) return source < 0 ? source + size : source - size;
  return -1;
}

/// The rows of y in their order, and which row of x each one is made of.
template <PadMode kMode>
class Rows {
 public:
  Rows(const PadProblem& problem, std::int64_t row) : p_(problem) {
    for (std::size_t dim = last_of(p_); dim-- > 0;) {
      index_[dim] = row % y_size(p_, dim);
      row /= y_size(p_, dim);
    }
    find_source(0);
  }
  /// Goes on to the next row.
  void next() {
    for (std::size_t dim = last_of(p_); dim-- > 0;) {
      if (++index_[dim] < y_size(p_, dim)) return find_source(dim);
      index_[dim] = 0;
    }
  }
  /// The row of x; -1 if this one is the constant alone.
  std::int64_t source() const { return rows_[last_of(p_)]; }

 private:
  /// rows_[d] counts x's rows along the dimensions before d. Those up to `dim` have not changed.
  void find_source(std::size_t dim) {
    // After a carry all inner dimensions begin anew.
    for (; dim < last_of(p_); ++dim) {
      const std::int64_t source = source_of<kMode>(p_, dim, index_[dim]);
      rows_[dim + 1] = rows_[dim] < 0 || source < 0 ? -1 : rows_[dim] * p_.sizes[dim] + source;
    }
  }

  const PadProblem& p_;
  PadProblem::Sizes index_{};
  std::array<std::int64_t, PadProblem::kMaxRank + 1> rows_{};
};

/// Elements [begin, end) of one row of y. `x` is null where the row is the constant alone.
template <PadMode kMode, class T>
void write_row(const PadProblem& p, const T* x, T* y, std::int64_t begin, std::int64_t end, T value) {
  if (x == nullptr) {
    std::fill(y + begin, y + end, value);
    return;
  }
  const std::size_t last = last_of(p);
  const std::int64_t before = p.before[last];
  const std::int64_t left = std::clamp(before, begin, end),
                     right = std::clamp(before + p.sizes[last], left, end);
  const auto border = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t at = from; at < to; ++at) {
      if constexpr (kMode == PadMode::constant) {
        y[at] = value;
      } else {
        y[at] = x[source_of<kMode>(p, last, at)];
      }
    }
  };
  border(begin, left);
  std::memcpy(y + left, x + (left - before), static_cast<std::size_t>(right - left) * sizeof(T));
  border(right, end);
}

template <PadMode kMode, class T>
void pad_rows_of(const PadProblem& p, const PadOperands& operands, int threads) {
  const auto* x = static_cast<const T*>(operands.x.raw());
  auto* y = static_cast<T*>(operands.y.raw());
  const auto value = static_cast<T>(p.value_bits());
  const std::int64_t x_row = p.sizes[last_of(p)], y_row = y_size(p, last_of(p));
  for_each_chunk(operands.y.numel(), threads, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t row = begin / y_row, at = begin % y_row;
    for (Rows<kMode> rows(p, row); begin < end; rows.next()) {
      const std::int64_t count = std::min(y_row - at, end - begin);
      write_row<kMode>(p, rows.source() < 0 ? nullptr : x + rows.source() * x_row, y + row * y_row, at,
                       at + count, value);
      begin += count;
      ++row;
      at = 0;
    }
  });
}

/// Element by element, each index on its own, by the definition.
template <class T>
void pad_reference(const PadProblem& p, const PadOperands& operands) {
  const auto* x = static_cast<const T*>(operands.x.raw());
  auto* y = static_cast<T*>(operands.y.raw());
  for (std::int64_t i = 0; i < operands.y.numel(); ++i) {
    bool inside = true;
    std::int64_t rest = i, from = 0, stride = 1;
    for (auto dim = static_cast<std::size_t>(p.rank); dim-- > 0;) {
      const std::int64_t size = p.sizes[dim];
      std::int64_t at = rest % y_size(p, dim) - p.before[dim];
      rest /= y_size(p, dim);
      while (at < 0 || at >= size) {  // a step of the mode at a time
        if (p.mode == PadMode::constant) break;
        if (p.mode == PadMode::replicate) at += at < 0 ? 1 : -1;
        if (p.mode == PadMode::circular) at += at < 0 ? size : -size;
        if (p.mode == PadMode::reflect) at = at < 0 ? -at : 2 * size - 2 - at;
      }
      inside = inside && at >= 0 && at < size;
      from += at * stride;
      stride *= size;
    }
    y[i] = inside ? x[from] : static_cast<T>(p.value_bits());
  }
}

/// Calls visit(std::type_identity<T>) with an unsigned type as wide as the elements.
template <class Visit>
void visit_width(DType dtype, Visit&& visit) {
  switch (size_of(dtype)) {
    case 2:
      return visit(std::type_identity<std::uint16_t>{});
    case 4:
      return visit(std::type_identity<std::uint32_t>{});
    case 8:
      return visit(std::type_identity<std::uint64_t>{});
  }
}

void launch_rows(const PadProblem& p, const PadOperands& operands, ExecutionContext& ctx) {
  visit_width(p.dtype, [&]<class T>(std::type_identity<T>) {
    switch (p.mode) {
      case PadMode::constant:
        return pad_rows_of<PadMode::constant, T>(p, operands, ctx.num_threads());
      case PadMode::reflect:
        return pad_rows_of<PadMode::reflect, T>(p, operands, ctx.num_threads());
      case PadMode::replicate:
        return pad_rows_of<PadMode::replicate, T>(p, operands, ctx.num_threads());
      case PadMode::circular:
        return pad_rows_of<PadMode::circular, T>(p, operands, ctx.num_threads());
    }
  });
}

void launch_reference(const PadProblem& p, const PadOperands& operands, ExecutionContext&) {
  visit_width(p.dtype, [&]<class T>(std::type_identity<T>) { pad_reference<T>(p, operands); });
}

}  // namespace

std::span<const PadRow> pad_rows() {
  static constexpr std::array kRows = {PadRow{"cpu.rows", always, workspace_bytes, launch_rows},
                                       PadRow{"cpu.reference", always, workspace_bytes, launch_reference}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
