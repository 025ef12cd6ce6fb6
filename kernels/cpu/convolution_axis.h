#pragma once

#include <algorithm>
#include <cstdint>

#include <upconv/kernels/convolution.h>

/// Both kinds of convolution as one: along an axis, outputs fall into phases and inputs into planes, and
/// within a phase every tap reads one plane at a fixed shift, so that everything is a stride-1 gather.
///
///   y[q * phases() + phase] += x[(q + shift) * planes() + plane] * w[k]
///
/// Ordinary convolution: one phase, `stride` planes. Transposed: `stride` phases, one plane. A phase may have
/// no taps at all: its outputs are the bias.
namespace upconv::kernels::cpu {

struct ConvAxis {
  std::int64_t in, out, kernel, stride, pad, dilation;
  bool transposed;
  bool zeros;  ///< What lies beyond the border is zero, so a tap that reads only there can be left out.

  std::int64_t phases() const { return transposed ? stride : 1; }
  std::int64_t planes() const { return transposed ? 1 : stride; }
  /// Outputs are q in [0, pixels()); at the last, some phases may fall outside.
  std::int64_t pixels() const { return (out + phases() - 1) / phases(); }
  /// Output index; outside [0, out) there is none.
  std::int64_t output(std::int64_t q, std::int64_t phase) const { return q * phases() + phase; }
  std::int64_t plane_size(std::int64_t plane) const {
    return std::max<std::int64_t>(0, (in - plane + planes() - 1) / planes());
  }

  // Tap k lies at k * dilation - pad: in an ordinary convolution relative to the input that output 0 meets,
  // in a transposed one relative to the output that input 0 meets.
  std::int64_t phase_of(std::int64_t k) const { return transposed ? modulo(k * dilation - pad) : 0; }
  std::int64_t plane_of(std::int64_t k) const { return transposed ? 0 : modulo(k * dilation - pad); }
  std::int64_t shift_of(std::int64_t k) const {
    const std::int64_t whole = (k * dilation - pad - modulo(k * dilation - pad)) / stride;
    return transposed ? -whole : whole;
  }

  /// Taps of the same phase before tap k, and taps of a phase: where the packed weight keeps a tap.
  std::int64_t rank_of(std::int64_t k) const {
    std::int64_t rank = 0;
    for (std::int64_t i = 0; i < k; ++i)
      rank += phase_of(i) == phase_of(k);
    return rank;
  }
  std::int64_t taps_of(std::int64_t phase) const {
    std::int64_t taps = 0;
    for (std::int64_t k = 0; k < kernel; ++k)
      taps += phase_of(k) == phase;
    return taps;
  }
  std::int64_t taps_before(std::int64_t phase) const {
    std::int64_t taps = 0;
    for (std::int64_t k = 0; k < kernel; ++k)
      taps += phase_of(k) < phase;
    return taps;
  }

  /// False if tap k reads nothing but zeros for every q in [q0, q1).
  bool keeps(std::int64_t k, std::int64_t q0, std::int64_t q1) const {
    if (!zeros) return true;
    const std::int64_t shift = shift_of(k);
    return q1 + shift > 0 && q0 + shift < plane_size(plane_of(k));
  }

  /// Whether some tap of the phase meets padding at q.
  bool meets_padding(std::int64_t q, std::int64_t phase) const {
    if (!zeros) return false;
    for (std::int64_t k = 0; k < kernel; ++k) {
      if (phase_of(k) == phase && input(q, k) < 0) return true;
    }
    return false;
  }
  /// Input index that tap k of its phase reads at q, or -1 for padding with zeros.
  std::int64_t input(std::int64_t q, std::int64_t k) const {
    const std::int64_t i = (q + shift_of(k)) * planes() + plane_of(k);
    return i >= 0 && i < in ? i : -1;
  }

  /// Input index that (plane, index within the plane) reads, or -1 for zero.
  std::int64_t source(std::int64_t plane, std::int64_t index, PaddingMode mode) const {
    const std::int64_t i = index * planes() + plane;
    if (i >= 0 && i < in) return i;
    // A tile may reach past what the problem needs: whatever those positions give is never stored.
    switch (mode) {
      case PaddingMode::zeros:
        break;
      case PaddingMode::reflect:
        return std::clamp<std::int64_t>(i < 0 ? -i : 2 * (in - 1) - i, 0, in - 1);
      case PaddingMode::replicate:
        return std::clamp<std::int64_t>(i, 0, in - 1);
      case PaddingMode::circular:
        return std::clamp<std::int64_t>(i < 0 ? i + in : i - in, 0, in - 1);
    }
    return -1;
  }

 private:
  std::int64_t modulo(std::int64_t value) const {
    const std::int64_t rest = value % stride;
    return rest < 0 ? rest + stride : rest;
  }
};

/// Elements [begin, end) of a plane.
struct ConvSpan {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// What the kept taps of all phases read for q in [q0, q1), over all planes.
inline ConvSpan window(const ConvAxis& axis, std::int64_t q0, std::int64_t q1) {
  ConvSpan span;
  bool first = true;
  for (std::int64_t k = 0; k < axis.kernel; ++k) {
    if (!axis.keeps(k, q0, q1)) continue;
    const std::int64_t shift = axis.shift_of(k);
    span.begin = first ? q0 + shift : std::min(span.begin, q0 + shift);
    span.end = first ? q1 + shift : std::max(span.end, q1 + shift);
    first = false;
  }
  return span;
}

inline ConvAxis height_axis(const ConvProblem& p) {
  return {p.ih,    p.oh(),       p.kh,         p.stride_h,
          p.pad_h, p.dilation_h, p.transposed, p.padding_mode == PaddingMode::zeros};
}
inline ConvAxis width_axis(const ConvProblem& p) {
  return {p.iw,    p.ow(),       p.kw,         p.stride_w,
          p.pad_w, p.dilation_w, p.transposed, p.padding_mode == PaddingMode::zeros};
}

}  // namespace upconv::kernels::cpu
