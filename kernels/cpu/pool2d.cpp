// cpu.rows: maxima and means of windows.
//
// Idea. A row of y needs the rows of x that its window reaches: they are joined element by element, in
// vectors, into one row of f32 in scratch; then each output joins that row's columns of its window. A window
// of KH x KW costs KH + KW operations an output and not KH * KW. Rows of x outside the image are not joined,
// and columns outside are skipped. Items are rows of y, in equal parts for each thread.
//
// Bytes. x is read KH / stride_h times, from L2 past the first; y is written once.

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/pool2d.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// The part of a window along one axis: first element, end, and step; and its size with padding.
struct PoolWindow {
  std::int64_t begin, end, step, padded;
};

inline PoolWindow window_of(std::int64_t out, std::int64_t in_size, std::int64_t out_size,
                            std::int64_t kernel, std::int64_t stride, std::int64_t pad, std::int64_t dilation,
                            bool adaptive) {
  if (adaptive) {
    const std::int64_t begin = out * in_size / out_size,
                       end = ((out + 1) * in_size + out_size - 1) / out_size;
    return {begin, end, 1, end - begin};
  }
  const std::int64_t first = out * stride - pad;
  const std::int64_t last = std::min(first + dilation * (kernel - 1) + 1, in_size + pad);
  const std::int64_t begin = first < 0 ? first + (-first + dilation - 1) / dilation * dilation : first;
  return {begin, std::min(last, in_size), dilation, last - first};
}

template <PoolKind kKind>
HWY_INLINE VF join(VF a, VF b) {
  if constexpr (kKind == PoolKind::average) return hn::Add(a, b);
  return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);  // a NaN stays
}

template <PoolKind kKind>
HWY_INLINE float join_one(float a, float b) {
  if constexpr (kKind == PoolKind::average) return a + b;
  return b > a || b != b ? b : a;
}

/// line[i] = x[i], or line[i] joined with x[i]; writes whole vectors.
template <PoolKind kKind, class T>
void join_row(const T* x, std::int64_t count, bool first, float* line) {
  const auto step = static_cast<std::int64_t>(lanes());
  for (std::int64_t i = 0; i < count; i += step) {
    const VF value =
        i + step <= count ? load_f32(x + i) : load_some(x + i, static_cast<std::size_t>(count - i));
    store_f32(first ? value : join<kKind>(load_f32(line + i), value), line + i);
  }
}

template <PoolKind kKind, class T>
void pool_row(const PoolProblem& p, const PoolOperands& operands, std::int64_t row, float* line) {
  const std::int64_t plane = row / p.oh;
  const PoolWindow h = window_of(row % p.oh, p.ih, p.oh, p.kh, p.stride_h, p.pad_h, p.dilation_h, p.adaptive);
  const T* x = static_cast<const T*>(operands.x.raw()) + plane * p.ih * p.iw;
  T* y = static_cast<T*>(operands.y.raw()) + row * p.ow;
  std::int64_t rows = 0;
  for (std::int64_t ih = h.begin; ih < h.end; ih += h.step, ++rows)
    join_row<kKind>(x + ih * p.iw, p.iw, ih == h.begin, line);
  for (std::int64_t ow = 0; ow < p.ow; ++ow) {
    const PoolWindow w = window_of(ow, p.iw, p.ow, p.kw, p.stride_w, p.pad_w, p.dilation_w, p.adaptive);
    float value = kKind == PoolKind::max ? -std::numeric_limits<float>::infinity() : 0.0f;
    std::int64_t columns = 0;
    if (rows > 0) {
      for (std::int64_t iw = w.begin; iw < w.end; iw += w.step, ++columns)
        value = join_one<kKind>(value, line[iw]);
    }
    if constexpr (kKind == PoolKind::average) {
      const std::int64_t divisor = p.divisor != 0                 ? p.divisor
                                   : p.include_pad && !p.adaptive ? h.padded * w.padded
                                                                  : rows * columns;
      value /= static_cast<float>(divisor);
    }
    y[ow] = static_cast<T>(value);
  }
}

using PoolLine = void (*)(const PoolProblem&, const PoolOperands&, std::int64_t, float*);

template <class T>
PoolLine pool_row_of_kind(PoolKind kind) {
  switch (kind) {
    case PoolKind::max:
      return pool_row<PoolKind::max, T>;
    case PoolKind::average:
      return pool_row<PoolKind::average, T>;
  }
  return nullptr;
}

PoolLine pool_row_of(PoolKind kind, DType dtype) {
  return visit_compute_type(
      dtype, [kind]<class T>(std::type_identity<T>) -> PoolLine { return pool_row_of_kind<T>(kind); });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(pool_row_of);

Verdict supports(const PoolProblem&, const DeviceCaps&) {
  return Verdict::yes();
}

/// Floats of a thread's row: vectors are written whole.
std::size_t line_bytes(const PoolProblem& p) {
  const std::size_t bytes = (static_cast<std::size_t>(p.iw) + HWY_MAX_BYTES / sizeof(float)) * sizeof(float);
  return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
}

int threads_of(const PoolProblem& p, const ExecutionContext& ctx) {
  const std::int64_t elements = p.planes * (p.ih * p.iw + p.oh * p.ow);
  const std::int64_t worth = elements / kElementsPerChunk + 1;
  return static_cast<int>(std::min<std::int64_t>({ctx.num_threads(), worth, p.planes * p.oh}));
}

std::size_t workspace_bytes(const PoolProblem& p, const ExecutionContext& ctx) {
  return line_bytes(p) * static_cast<std::size_t>(threads_of(p, ctx));
}

void launch(const PoolProblem& p, const PoolOperands& operands, ExecutionContext& ctx) {
  const auto pool_row = HWY_DYNAMIC_DISPATCH(pool_row_of)(p.kind, p.dtype);
  const std::int64_t rows = p.planes * p.oh;
  // Rows of y next to each other read the same rows of x: a thread takes a few in turn.
  constexpr std::int64_t kRows = 8;
  Workspace::Scope scope(ctx.workspace());
  auto* const memory = static_cast<std::byte*>(scope.take(workspace_bytes(p, ctx)));
  std::atomic<std::int64_t> next = 0;
  run_parallel(threads_of(p, ctx), [&](int thread) {
    auto* const line = reinterpret_cast<float*>(memory + line_bytes(p) * static_cast<std::size_t>(thread));
    for (std::int64_t begin = next.fetch_add(kRows); begin < rows; begin = next.fetch_add(kRows)) {
      for (std::int64_t row = begin; row < std::min(begin + kRows, rows); ++row)
        pool_row(p, operands, row, line);
    }
  });
}

}  // namespace

std::span<const PoolRow> pool2d_rows() {
  static constexpr std::array kTable = {PoolRow{"cpu.rows", supports, workspace_bytes, launch}};
  return kTable;
}

}  // namespace upconv::kernels::cpu
#endif
