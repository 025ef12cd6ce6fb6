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

/// Elements [span.begin, span.end) of a plane of one row of x.
template <class T>
HWY_INLINE void load_row(const T* row, const ConvAxis& axis, PaddingMode mode, std::int64_t plane,
                         ConvSpan span, float* to) {
  const std::int64_t size = axis.plane_size(plane), step = axis.planes();
  const std::int64_t begin = std::clamp<std::int64_t>(0, span.begin, span.end);
  const std::int64_t end = std::clamp(size, begin, span.end);
  const auto pad = [&](std::int64_t i) {
    const std::int64_t source = axis.source(plane, i, mode);
    return source < 0 ? 0.0f : static_cast<float>(row[source]);
  };
  for (std::int64_t i = span.begin; i < begin; ++i)
    to[i - span.begin] = pad(i);
  float* inside = to + (begin - span.begin);
  const T* from = row + (begin * step + plane);
  if (end > begin && step == 1) {
    copy_run(from, end - begin, inside);
  } else if (end > begin && step == 2 && std::is_same_v<T, float>) {
    copy_even(reinterpret_cast<const float*>(from), end - begin, inside);
  } else {
    for (std::int64_t i = 0; i < end - begin; ++i)
      inside[i] = static_cast<float>(from[i * step]);
  }
  for (std::int64_t i = end; i < span.end; ++i)
    to[i - span.begin] = pad(i);
}

template <class T>
void load_tile(const ConvPlan& plan, const ConvTile& tile, const T* x, float* to) {
  const ConvProblem& p = plan.problem;
  const ConvAxis &h = plan.layout.height, &w = plan.layout.width;
  const std::int64_t channels = plan.layout.ci, pixels = p.ih * p.iw;
  // Plane (plane_h, plane_w), row: for these, all channels and images.
  for (std::int64_t plane_h = 0; plane_h < h.planes(); ++plane_h) {
    for (std::int64_t row = tile.window_h.begin; row < tile.window_h.end; ++row) {
      if (!touched(h, plane_h, row, tile.row0, tile.row0 + tile.rows)) continue;
      const std::int64_t source_h = h.source(plane_h, row, p.padding_mode);
      for (std::int64_t plane_w = 0; plane_w < w.planes(); ++plane_w) {
        float* to_row = to + (plane_h * w.planes() + plane_w) * tile.plane_step +
                        (row - tile.window_h.begin) * tile.row_step;
        for (std::int64_t c = 0; c < channels; ++c, to_row += tile.channel_step) {
          const T* from = x + (tile.n0 * p.ci + tile.group * channels + c) * pixels + source_h * p.iw;
          if (plan.mode == TileMode::batch) {
            for (std::int64_t col = tile.window_w.begin; col < tile.window_w.end; ++col) {
              float* to_images = to_row + (col - tile.window_w.begin) * tile.col_step;
              const std::int64_t source_w = w.source(plane_w, col, p.padding_mode);
              for (std::int64_t n = 0; n < tile.images; ++n) {
                to_images[n] = source_h < 0 || source_w < 0
                                   ? 0.0f
                                   : static_cast<float>(from[n * p.ci * pixels + source_w]);
              }
            }
            continue;
          }
          for (std::int64_t n = 0; n < tile.images; ++n) {
            float* to_image = to_row + n * tile.image_step;
            if (source_h < 0) {
              std::fill_n(to_image, tile.window_w.size(), 0.0f);
            } else {
              load_row(from + n * p.ci * pixels, w, p.padding_mode, plane_w, tile.window_w, to_image);
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
