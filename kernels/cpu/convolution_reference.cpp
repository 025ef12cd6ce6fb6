#include <algorithm>
#include <cmath>
#include <span>

#include <upconv/kernels/cpu/convolution_reference.h>
#include <upconv/kernels/cpu/epilogue_reference.h>

namespace upconv::kernels::cpu::reference {

namespace {

/// The input index that padding reads at `i`, or -1 for zero.
std::int64_t source_index(std::int64_t i, std::int64_t size, PaddingMode mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PaddingMode::zeros:
      return -1;
    case PaddingMode::reflect:
      return i < 0 ? -i : 2 * (size - 1) - i;
    case PaddingMode::replicate:
      return std::clamp<std::int64_t>(i, 0, size - 1);
    case PaddingMode::circular:
      return i < 0 ? i + size : i - size;
  }
  return -1;
}

/// Adds one input plane's share to one output plane: y[oh * stride + kh] += x * w.
template <class T>
void scatter_plane(const ConvProblem& p, const T* x, const T* w, std::span<double> y) {
  const std::int64_t oh_size = p.oh(), ow_size = p.ow();
  for (std::int64_t ih = 0; ih < p.ih; ++ih) {
    for (std::int64_t iw = 0; iw < p.iw; ++iw) {
      for (std::int64_t kh = 0; kh < p.kh; ++kh) {
        for (std::int64_t kw = 0; kw < p.kw; ++kw) {
          const std::int64_t oh = ih * p.stride_h - p.pad_h + kh * p.dilation_h;
          const std::int64_t ow = iw * p.stride_w - p.pad_w + kw * p.dilation_w;
          if (oh < 0 || oh >= oh_size || ow < 0 || ow >= ow_size) continue;
          y[oh * ow_size + ow] +=
              static_cast<double>(x[ih * p.iw + iw]) * static_cast<double>(w[kh * p.kw + kw]);
        }
      }
    }
  }
}

/// Ordinary convolution of one plane: y[oh] += x[oh * stride + kh] * w.
template <class T>
void gather_plane(const ConvProblem& p, const T* x, const T* w, std::span<double> y) {
  const std::int64_t oh_size = p.oh(), ow_size = p.ow();
  for (std::int64_t oh = 0; oh < oh_size; ++oh) {
    for (std::int64_t ow = 0; ow < ow_size; ++ow) {
      for (std::int64_t kh = 0; kh < p.kh; ++kh) {
        for (std::int64_t kw = 0; kw < p.kw; ++kw) {
          const std::int64_t ih =
              source_index(oh * p.stride_h - p.pad_h + kh * p.dilation_h, p.ih, p.padding_mode);
          const std::int64_t iw =
              source_index(ow * p.stride_w - p.pad_w + kw * p.dilation_w, p.iw, p.padding_mode);
          if (ih < 0 || iw < 0) continue;
          y[oh * ow_size + ow] +=
              static_cast<double>(x[ih * p.iw + iw]) * static_cast<double>(w[kh * p.kw + kw]);
        }
      }
    }
  }
}

template <class T>
void compute(const ConvProblem& p, const ConvOperands& operands, std::span<double> plane) {
  const std::span<const T> x = operands.x.data<T>();
  const std::span<const T> w = operands.weight.data<T>();
  const std::span<T> y = operands.y.data<T>();
  const std::int64_t ci_group = p.ci_per_group(), co_group = p.co_per_group();
  const std::int64_t taps = p.kh * p.kw, in_pixels = p.ih * p.iw, out_pixels = p.oh() * p.ow();
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t co = 0; co < p.co; ++co) {
      std::ranges::fill(plane, 0.0);
      const std::int64_t group = co / co_group;
      for (std::int64_t c = 0; c < ci_group; ++c) {
        const std::int64_t ci = group * ci_group + c;
        const T* x_plane = &x[(n * p.ci + ci) * in_pixels];
        if (p.transposed) {
          scatter_plane(p, x_plane, &w[(ci * co_group + co % co_group) * taps], plane);
        } else {
          gather_plane(p, x_plane, &w[(co * ci_group + c) * taps], plane);
        }
      }
      const std::int64_t first = (n * p.co + co) * out_pixels;
      for (std::int64_t i = 0; i < out_pixels; ++i)
        y[first + i] = finish_reference<T>(operands.epilogue, plane[i], co, first + i);
    }
  }
}

}  // namespace

Verdict supports(const ConvProblem&, const DeviceCaps&) {
  return Verdict::yes();
}

std::size_t workspace_bytes(const ConvProblem& problem, const ExecutionContext&) {
  return static_cast<std::size_t>(problem.oh() * problem.ow()) * sizeof(double);
}

void launch(const ConvProblem& problem, const ConvOperands& operands, ExecutionContext& ctx) {
  Workspace::Scope scratch(ctx.workspace());
  const TensorView plane = scratch.take({problem.oh(), problem.ow()}, DType::f64);
  visit_dtype(problem.dtype,
              [&]<class T>(std::type_identity<T>) { compute<T>(problem, operands, plane.data<double>()); });
}

}  // namespace upconv::kernels::cpu::reference
