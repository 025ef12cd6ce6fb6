// The two passes of an image in another size: a row of pixels along the other axis, from and to f32 in
// scratch or an image's type. See resize2d.cpp.
#if defined(UPCONV_KERNELS_CPU_RESIZE_PASSES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_RESIZE_PASSES_INL_H
#undef UPCONV_KERNELS_CPU_RESIZE_PASSES_INL_H
#else
#define UPCONV_KERNELS_CPU_RESIZE_PASSES_INL_H
#endif

#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>
#include <upconv/kernels/cpu/resize_table.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// to[i] = from[i] as f32; a zero behind them, and whole vectors are written.
template <class T>
void widen(const T* from, std::int64_t count, float* to) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(load_f32(from + i), to + i);
  store_f32(load_some(from + i, static_cast<std::size_t>(count - i)), to + i);
}

/// Pixels [begin, end) of a row of y, of a row of x with a zero behind it.
template <int kTaps, class T>
void stretch_any(const ResizeTable& table, const float* line, std::int64_t begin, std::int64_t end, T* y) {
  const auto step = static_cast<std::int64_t>(lanes());
  const std::int64_t taps = kTaps == 0 ? table.taps : kTaps;
  for (std::int64_t o = begin; o < end; o += step) {
    VF sum = hn::Zero(F32());
    for (std::int64_t k = 0; k < taps; ++k) {
      const std::int64_t at = k * table.pitch + o;
      const VF value = hn::GatherIndex(F32(), line, hn::LoadU(I32(), table.index + at));
      const VF weight = hn::LoadU(F32(), table.weight + at);
      sum = k == 0 ? hn::Mul(weight, value) : hn::MulAdd(weight, value, sum);
    }
    if (o + step <= end) {
      store_f32(sum, y + o);
    } else {
      store_some(sum, y + o, static_cast<std::size_t>(end - o));
    }
  }
}

/// A row of y that is twice as wide as x, into scratch.
template <int kTaps>
void stretch_doubled(const ResizeTable& table, const float* line, float* y) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = table.doubled.begin;
  stretch_any<kTaps>(table, line, 0, 2 * i, y);
  VF weights[2][kTaps];
  std::int64_t distance[2][kTaps];
  for (std::int64_t phase = 0; phase < 2; ++phase) {
    for (std::int64_t k = 0; k < kTaps; ++k) {
      const std::int64_t at = k * table.pitch + 2 * i + phase;
      weights[phase][k] = hn::Set(F32(), table.weight[at]);
      distance[phase][k] = table.index[at] - i;
    }
  }
  for (; i + step <= table.doubled.end; i += step) {
    VF sums[2];
    for (int phase = 0; phase < 2; ++phase) {
      sums[phase] = hn::Mul(weights[phase][0], load_f32(line + (i + distance[phase][0])));
      for (int k = 1; k < kTaps; ++k)
        sums[phase] = hn::MulAdd(weights[phase][k], load_f32(line + (i + distance[phase][k])), sums[phase]);
    }
    hn::StoreInterleaved2(sums[0], sums[1], F32(), y + 2 * i);
  }
  stretch_any<kTaps>(table, line, 2 * i, table.out, y);
}

template <class T>
void stretch(const ResizeTable& table, const float* line, T* y) {
  if constexpr (std::is_same_v<T, float>) {
    const bool doubled = table.doubled.end > table.doubled.begin;
    if (doubled && table.taps == 2) return stretch_doubled<2>(table, line, y);
    if (doubled && table.taps == 4) return stretch_doubled<4>(table, line, y);
  }
  if (table.taps == 2) return stretch_any<2>(table, line, 0, table.out, y);
  if (table.taps == 4) return stretch_any<4>(table, line, 0, table.out, y);
  stretch_any<0>(table, line, 0, table.out, y);
}

/// y = sum of weights[k] * rows[k], after y's own value if it has one (scratch alone).
template <int kRows, bool kAdd, class From, class To>
void blend_rows(const From* const* rows, const float* weights, std::int64_t row_count, std::int64_t count,
                To* y) {
  const auto step = static_cast<std::int64_t>(lanes());
  const std::int64_t used = kRows == 0 ? row_count : kRows;
  const auto sum_at = [&](std::int64_t i, const auto& load) HWY_ATTR {
    VF sum;
    if constexpr (kAdd) {
      sum = hn::MulAdd(hn::Set(F32(), weights[0]), load(rows[0] + i), load_f32(y + i));
    } else {
      sum = hn::Mul(hn::Set(F32(), weights[0]), load(rows[0] + i));
    }
    for (std::int64_t k = 1; k < used; ++k)
      sum = hn::MulAdd(hn::Set(F32(), weights[k]), load(rows[k] + i), sum);
    return sum;
  };
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(sum_at(i, [](const From* from) HWY_ATTR { return load_f32(from); }), y + i);
  if (i == count) return;
  const auto rest = static_cast<std::size_t>(count - i);
  const VF last = sum_at(i, [rest](const From* from) HWY_ATTR { return load_some(from, rest); });
  if constexpr (kAdd) {
    store_f32(last, y + i);  // scratch has whole vectors
  } else {
    store_some(last, y + i, rest);
  }
}

template <bool kAdd, class From, class To>
void blend(const From* const* rows, const float* weights, std::int64_t row_count, std::int64_t count, To* y) {
  if (row_count == 2) return blend_rows<2, kAdd>(rows, weights, row_count, count, y);
  if (row_count == 4) return blend_rows<4, kAdd>(rows, weights, row_count, count, y);
  blend_rows<0, kAdd>(rows, weights, row_count, count, y);
}

/// A row of y whose pixels are pixels of x; W is an unsigned integer of their size.
template <class W>
void copy_nearest(const ResizeTable& table, const W* x, W* y) {
  if (table.out == table.in && table.index[table.out - 1] == table.out - 1) {
    std::memcpy(y, x, static_cast<std::size_t>(table.out) * sizeof(W));
    return;
  }
  std::int64_t o = 0;
  if (table.doubled.begin == 0 && table.doubled.end == table.in && table.in > 0) {
    const hn::ScalableTag<W> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    for (; o + 2 * step <= table.out; o += 2 * step) {
      const auto values = hn::LoadU(d, x + o / 2);
      hn::StoreInterleaved2(values, values, d, y + o);
    }
  } else if constexpr (sizeof(W) == sizeof(float)) {
    const hn::ScalableTag<W> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    for (; o + step <= table.out; o += step)
      hn::StoreU(hn::GatherIndex(d, x, hn::LoadU(I32(), table.index + o)), d, y + o);
  }
  for (; o < table.out; ++o)
    y[o] = x[table.index[o]];
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
