// The tile loader: copies what a tile reads of x into scratch as f32, [ci][plane][row][column] with its halo,
// so that the inner loop knows no border, no type and no stride. In batch mode the images are innermost.
#if defined(UPCONV_KERNELS_CPU_CONVOLUTION_LOAD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_CONVOLUTION_LOAD_INL_H
#undef UPCONV_KERNELS_CPU_CONVOLUTION_LOAD_INL_H
#else
#define UPCONV_KERNELS_CPU_CONVOLUTION_LOAD_INL_H
#endif

#include <algorithm>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>
#include <upconv/kernels/cpu/convolution_plan.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// Whether some tap reads element `index` of `plane` for a q in [q0, q1): with wide dilation, many are not
/// read.
inline bool touched(const ConvAxis& axis, std::int64_t plane, std::int64_t index, std::int64_t q0,
                    std::int64_t q1) {
  for (std::int64_t k = 0; k < axis.kernel; ++k) {
    const std::int64_t q = index - axis.shift_of(k);
    if (q >= q0 && q < q1 && axis.plane_of(k) == plane && axis.keeps(k, q0, q1)) return true;
  }
  return false;
}

/// to[i] = from[i]
template <class T>
HWY_INLINE void copy_run(const T* from, std::int64_t count, float* to) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(load_f32(from + i), to + i);
  if (i < count && count >= step) {
    store_f32(load_f32(from + count - step), to + count - step);  // overlaps what is there
    return;
  }
  for (; i < count; ++i)
    to[i] = static_cast<float>(from[i]);
}

/// to[i] = from[2 * i]; reads nothing behind from[2 * (count - 1)].
HWY_INLINE void copy_even(const float* from, std::int64_t count, float* to) {
  std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const F32 d;
  const auto step = static_cast<std::int64_t>(lanes());
  for (; i + step < count; i += step)
    hn::StoreU(hn::ConcatEven(d, hn::LoadU(d, from + 2 * i + step), hn::LoadU(d, from + 2 * i)), d, to + i);
#endif
  for (; i < count; ++i)
    to[i] = from[2 * i];
}

/// What a row of x contributes to one plane of a tile: elements [begin, end) lie inside, the rest of the span
/// is padding.
struct RowCut {
  RowCut(const ConvAxis& axis_of_row, PaddingMode padding, std::int64_t plane_of_row, ConvSpan window)
      : axis(axis_of_row),
        mode(padding),
        plane(plane_of_row),
        span(window),
        step(axis.planes()),
        begin(std::clamp<std::int64_t>(0, span.begin, span.end)),
        end(std::clamp(axis.plane_size(plane), begin, span.end)) {}

  const ConvAxis& axis;
  PaddingMode mode;
  std::int64_t plane;
  ConvSpan span;
  std::int64_t step, begin, end;
};

template <class T>
HWY_INLINE void load_row(const RowCut& cut, const T* row, float* to) {
  const auto pad = [&](std::int64_t i) {
    const std::int64_t source = cut.axis.source(cut.plane, i, cut.mode);
    to[i - cut.span.begin] = source < 0 ? 0.0f : static_cast<float>(row[source]);
  };
  for (std::int64_t i = cut.span.begin; i < cut.begin; ++i)
    pad(i);
  const std::int64_t count = cut.end - cut.begin;
  float* inside = to + (cut.begin - cut.span.begin);
  const T* from = row + (cut.begin * cut.step + cut.plane);
  if (count > 0 && cut.step == 1) {
    copy_run(from, count, inside);
  } else if (count > 0 && cut.step == 2 && std::is_same_v<T, float>) {
    copy_even(reinterpret_cast<const float*>(from), count, inside);
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      inside[i] = static_cast<float>(from[i * cut.step]);
  }
  for (std::int64_t i = cut.end; i < cut.span.end; ++i)
    pad(i);
}

/// What stands in the list of rows for a row of zeros, and for one that no tap reads.
inline constexpr std::int64_t kZeroRow = -1, kUnreadRow = -2;

/// rows[plane_h][row]: the row of x that a row of the tile holds.
inline void list_rows(const ConvPlan& plan, const ConvTile& tile, std::int64_t* rows) {
  const ConvAxis& h = plan.layout.height;
  for (std::int64_t plane = 0; plane < h.planes(); ++plane) {
    for (std::int64_t row = tile.window_h.begin; row < tile.window_h.end; ++row) {
      *rows++ = touched(h, plane, row, tile.row0, tile.row0 + tile.rows)
                    ? h.source(plane, row, plan.problem.padding_mode)
                    : kUnreadRow;
    }
  }
}

/// Batch mode: the images of one pixel lie side by side.
template <class T>
void load_batch_tile(const ConvPlan& plan, const ConvTile& tile, ConvSpan channels, const std::int64_t* rows,
                     const T* x, float* to) {
  const ConvProblem& p = plan.problem;
  const ConvAxis& w = plan.layout.width;
  const std::int64_t pixels = p.ih * p.iw, image = p.ci * pixels;
  const std::int64_t planes_h = plan.layout.height.planes(), planes_w = w.planes();
  for (std::int64_t plane_row = 0; plane_row < planes_h * tile.window_h.size(); ++plane_row) {
    const std::int64_t plane_h = plane_row / tile.window_h.size(), row = plane_row % tile.window_h.size();
    if (rows[plane_row] == kUnreadRow) continue;
    for (std::int64_t plane_w = 0; plane_w < planes_w; ++plane_w) {
      for (std::int64_t col = 0; col < tile.window_w.size(); ++col) {
        const std::int64_t source = w.source(plane_w, tile.window_w.begin + col, p.padding_mode);
        const bool zero = rows[plane_row] == kZeroRow || source < 0;
        float* to_images =
            to + (plane_h * planes_w + plane_w) * tile.plane_step + row * tile.row_step + col * tile.col_step;
        const T* from = x + tile.n0 * image + (tile.group * plan.layout.ci + channels.begin) * pixels +
                        (zero ? 0 : rows[plane_row] * p.iw + source);
        for (std::int64_t c = 0; c < channels.size(); ++c, from += pixels, to_images += tile.channel_step) {
          for (std::int64_t n = 0; n < tile.images; ++n)
            to_images[n] = zero ? 0.0f : static_cast<float>(from[n * image]);
        }
      }
    }
  }
}

/// Loads some channels of the tile of x. `rows` is scratch for a list of its rows.
template <class T>
void load_tile(const ConvPlan& plan, const ConvTile& tile, ConvSpan channels, const T* x, std::int64_t* rows,
               float* to) {
  list_rows(plan, tile, rows);
  if (plan.mode == TileMode::batch) {
    load_batch_tile(plan, tile, channels, rows, x, to);
    return;
  }
  const ConvProblem& p = plan.problem;
  const ConvAxis& w = plan.layout.width;
  const std::int64_t pixels = p.ih * p.iw, height = tile.window_h.size();
  for (std::int64_t plane_w = 0; plane_w < w.planes(); ++plane_w) {
    const RowCut cut(w, p.padding_mode, plane_w, tile.window_w);
    for (std::int64_t n = 0; n < tile.images; ++n) {
      for (std::int64_t c = 0; c < channels.size(); ++c) {
        const std::int64_t ci = tile.group * plan.layout.ci + channels.begin + c;
        const T* image = x + ((tile.n0 + n) * p.ci + ci) * pixels;
        for (std::int64_t plane_h = 0; plane_h < plan.layout.height.planes(); ++plane_h) {
          float* to_row = to + c * tile.channel_step + (plane_h * w.planes() + plane_w) * tile.plane_step +
                          n * tile.image_step;
          for (std::int64_t row = 0; row < height; ++row, to_row += tile.row_step) {
            const std::int64_t source = rows[plane_h * height + row];
            if (source >= 0) {
              load_row(cut, image + source * p.iw, to_row);
            } else if (source == kZeroRow) {
              std::fill_n(to_row, tile.window_w.size(), 0.0f);
            }
          }
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
