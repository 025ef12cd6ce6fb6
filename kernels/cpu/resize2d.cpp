// cpu.simd: images in another size, by one axis after the other.
//
// Idea. A table for each axis (resize_table.h) says which pixels of x each row and column of y is made of.
// Enlarging: a row of x is stretched once, from f32 to f32 in scratch; a row of y blends the last few of
// those, whole vectors at a time. Reducing: a row of y blends the rows of x first and stretches once. So
// columns are gathered min(IH, OH) times. Twice the width, the common case, needs no gather: even and odd
// pixels of y each have the same weights everywhere but at the borders, and are interleaved as they are
// stored. Nearest neighbours are moved as they are, and a row of y that is the one above is copied.
//
// Bytes. x is read once, from L2 where rows of y share it; y is written once.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/resize2d_reference.h>
#include <upconv/kernels/cpu/resize_table.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/resize2d.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/resize_passes-inl.h>

#ifndef UPCONV_KERNELS_CPU_RESIZE2D_CPP
#define UPCONV_KERNELS_CPU_RESIZE2D_CPP
namespace upconv::kernels::cpu {

/// Rows that are blended in one pass: more are added pass by pass.
inline constexpr std::int64_t kMostRows = 8;

/// A problem with its tables, and what each thread needs for itself.
struct ResizeWork {
  const ResizeProblem& problem;
  const ResizeOperands& operands;
  ResizeTable rows, columns;
  std::int64_t line;   // floats of a thread's row of x, a zero behind it
  std::int64_t slots;  // stretched rows that a thread keeps, columns.pitch floats each
};

}  // namespace upconv::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// Rows [begin, end) of y of one plane: rows of x are stretched and kept, and a row of y blends them.
template <class T>
void enlarge(const ResizeWork& work, const T* x, T* y, std::int64_t begin, std::int64_t end, float* memory) {
  const ResizeProblem& p = work.problem;
  float *line = memory, *kept = memory + work.line;
  std::array<std::int64_t, kMostRows> holds;
  holds.fill(-1);
  for (std::int64_t oh = begin; oh < end; ++oh) {
    const float* rows[kMostRows];
    float weights[kMostRows];
    std::int64_t used = 0;
    for (std::int64_t k = 0; k < work.rows.taps; ++k) {
      const std::int64_t ih = work.rows.index[k * work.rows.pitch + oh];
      if (ih == p.ih) continue;
      // The rows of one y are neighbours, so as many slots as taps keep them all.
      const std::int64_t slot = ih % work.slots;
      float* const row = kept + slot * work.columns.pitch;
      if (holds[static_cast<std::size_t>(slot)] != ih) {
        holds[static_cast<std::size_t>(slot)] = ih;
        widen(x + ih * p.iw, p.iw, line);
        stretch(work.columns, line, row);
      }
      rows[used] = row;
      weights[used++] = work.rows.weight[k * work.rows.pitch + oh];
    }
    if (used == 0) {  // no pixel has a weight
      std::fill(y + oh * p.ow, y + (oh + 1) * p.ow, T(0.0f));
      continue;
    }
    blend<false>(rows, weights, used, p.ow, y + oh * p.ow);
  }
}

/// The same: a row of y blends rows of x, and is stretched.
template <class T>
void reduce(const ResizeWork& work, const T* x, T* y, std::int64_t begin, std::int64_t end, float* line) {
  const ResizeProblem& p = work.problem;
  for (std::int64_t oh = begin; oh < end; ++oh) {
    const T* rows[kMostRows];
    float weights[kMostRows];
    std::int64_t used = 0;
    bool first = true;
    const auto flush = [&]() HWY_ATTR {
      if (used > 0)
        first ? blend<false>(rows, weights, used, p.iw, line) : blend<true>(rows, weights, used, p.iw, line);
      first = first && used == 0;
      used = 0;
    };
    for (std::int64_t k = 0; k < work.rows.taps; ++k) {
      const std::int64_t ih = work.rows.index[k * work.rows.pitch + oh];
      if (ih == p.ih) continue;
      rows[used] = x + ih * p.iw;
      weights[used++] = work.rows.weight[k * work.rows.pitch + oh];
      if (used == kMostRows) flush();
    }
    flush();
    if (first) std::fill(line, line + p.iw, 0.0f);
    line[p.iw] = 0.0f;
    stretch(work.columns, line, y + oh * p.ow);
  }
}

template <class T>
void take_nearest(const ResizeWork& work, const T* x, T* y, std::int64_t begin, std::int64_t end, float*) {
  using W = std::conditional_t<sizeof(T) == sizeof(float), std::uint32_t, std::uint16_t>;
  const ResizeProblem& p = work.problem;
  for (std::int64_t oh = begin; oh < end; ++oh) {
    W* const row = reinterpret_cast<W*>(y + oh * p.ow);
    if (oh > begin && work.rows.index[oh] == work.rows.index[oh - 1]) {
      std::memcpy(row, row - p.ow, static_cast<std::size_t>(p.ow) * sizeof(W));
    } else {
      copy_nearest(work.columns, reinterpret_cast<const W*>(x + work.rows.index[oh] * p.iw), row);
    }
  }
}

template <class T>
void resize_rows_of(const ResizeWork& work, std::int64_t plane, std::int64_t begin, std::int64_t end,
                    float* memory) {
  const ResizeProblem& p = work.problem;
  const T* x = static_cast<const T*>(work.operands.x.raw()) + plane * p.ih * p.iw;
  T* y = static_cast<T*>(work.operands.y.raw()) + plane * p.oh * p.ow;
  if (work.rows.weight == nullptr) return take_nearest(work, x, y, begin, end, memory);
  if (work.slots > 0) return enlarge(work, x, y, begin, end, memory);
  reduce(work, x, y, begin, end, memory);
}

/// Rows [begin, end) of y of a plane.
void resize_rows(const ResizeWork& work, std::int64_t plane, std::int64_t begin, std::int64_t end,
                 float* memory) {
  visit_compute_type(work.problem.dtype, [&]<class T>(std::type_identity<T>) {
    resize_rows_of<T>(work, plane, begin, end, memory);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(resize_rows);

constexpr std::int64_t kMostSize = std::int64_t{1} << 30;  // indices are 32 bits
constexpr std::int64_t kFloats = 64;                       // scratch comes in whole vectors of any CPU

Verdict supports(const ResizeProblem& p, const DeviceCaps&) {
  if (p.iw > kMostSize || p.ow > kMostSize || p.ih > kMostSize || p.oh > kMostSize)
    return Verdict::no("sizes must be at most 2^30");
  return Verdict::yes();
}

/// Stretched rows that a thread keeps; none if it blends rows of x.
std::int64_t slots_of(const ResizeProblem& p) {
  const std::int64_t taps = resize_taps(p, row_axis(p));
  return p.oh >= p.ih && taps <= kMostRows ? taps : 0;
}

bool interpolates(const ResizeProblem& p) {
  return p.kind == ResizeKind::bilinear || p.kind == ResizeKind::bicubic;
}

/// Floats of a thread's row of x.
std::int64_t line_of(const ResizeProblem& p) {
  return (p.iw + kFloats) / kFloats * kFloats + kFloats;
}

std::int64_t thread_floats(const ResizeProblem& p) {
  if (!interpolates(p)) return 0;
  return line_of(p) + slots_of(p) * resize_table_pitch(p.ow);
}

int threads_of(const ResizeProblem& p, const ExecutionContext& ctx) {
  const std::int64_t worth = p.planes * (p.ih * p.iw + p.oh * p.ow) / kElementsPerChunk + 1;
  return static_cast<int>(std::min<std::int64_t>({ctx.num_threads(), worth, p.planes * p.oh}));
}

std::size_t workspace_bytes(const ResizeProblem& p, const ExecutionContext& ctx) {
  return resize_table_bytes(p, row_axis(p)) + resize_table_bytes(p, column_axis(p)) +
         static_cast<std::size_t>(thread_floats(p)) * sizeof(float) *
             static_cast<std::size_t>(threads_of(p, ctx));
}

void launch(const ResizeProblem& p, const ResizeOperands& operands, ExecutionContext& ctx) {
  const ResizeAxis rows = row_axis(p), columns = column_axis(p);
  Workspace::Scope scope(ctx.workspace());
  auto* memory = static_cast<std::byte*>(scope.take(workspace_bytes(p, ctx)));
  const ResizeTable row_table = make_resize_table(p, rows, memory);
  memory += resize_table_bytes(p, rows);
  const ResizeTable column_table = make_resize_table(p, columns, memory);
  auto* const floats = reinterpret_cast<float*>(memory + resize_table_bytes(p, columns));
  const ResizeWork work{.problem = p,
                        .operands = operands,
                        .rows = row_table,
                        .columns = column_table,
                        .line = line_of(p),
                        .slots = slots_of(p)};
  const int threads = threads_of(p, ctx);
  // Bands of one plane share the rows at their borders: few enough, but a few for every thread.
  const std::int64_t wanted = std::max<std::int64_t>(p.planes * p.oh / (threads * 8), 16);
  const std::int64_t bands = threads == 1 ? 1 : (p.oh + wanted - 1) / wanted;
  const std::int64_t band = (p.oh + bands - 1) / bands;
  const auto resize = HWY_DYNAMIC_DISPATCH(resize_rows);
  std::atomic<std::int64_t> next = 0;
  run_parallel(threads, [&](int thread) {
    float* const mine = floats + thread * thread_floats(p);
    for (std::int64_t item = next++; item < p.planes * bands; item = next++) {
      const std::int64_t begin = item % bands * band;
      resize(work, item / bands, begin, std::min(begin + band, p.oh), mine);
    }
  });
}

}  // namespace

std::span<const ResizeRow> resize2d_rows() {
  static constexpr std::array kTable = {
      ResizeRow{"cpu.simd", supports, workspace_bytes, launch},
      ResizeRow{"cpu.reference", reference::supports_resize2d, reference::resize2d_workspace_bytes,
                reference::launch_resize2d}};
  return kTable;
}

}  // namespace upconv::kernels::cpu
#endif
