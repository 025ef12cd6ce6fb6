#include <algorithm>
#include <cmath>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/resize2d_reference.h>

namespace upconv::kernels::cpu::reference {

namespace {

/// Keys' cubic at a distance, with PyTorch's two values of a: -0.75, and -0.5 where it antialiases.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  if (x < 2) return a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a;
  return 0;
}

double triangle(double x) {
  return std::max(1 - std::abs(x), 0.0);
}

/// What pixel o of y is along one axis: calls visit(pixel of x, weight). Positions are PyTorch's, which are
/// f32; all else is in double.
template <class Visit>
void for_each_tap(const ResizeProblem& p, const ResizeAxis& axis, std::int64_t o, const Visit& visit) {
  const std::int64_t last = axis.in - 1;
  const auto whole = static_cast<float>(o);
  if (p.antialias) {
    const auto center = static_cast<float>(static_cast<double>(axis.step) * (static_cast<double>(o) + 0.5));
    const double support = static_cast<double>(antialias_support(p.kind, axis.step));
    const double stretch = std::max(static_cast<double>(axis.step), 1.0);
    const auto first =
        static_cast<std::int64_t>(std::max(std::trunc(static_cast<double>(center) - support + 0.5), 0.0));
    const auto end = static_cast<std::int64_t>(
        std::min(std::trunc(static_cast<double>(center) + support + 0.5), static_cast<double>(axis.in)));
    const auto weight = [&](std::int64_t i) {
      const double distance = (static_cast<double>(i) + 0.5 - static_cast<double>(center)) / stretch;
      return p.kind == ResizeKind::bilinear ? triangle(distance) : cubic(distance, -0.5);
    };
    double sum = 0;
    for (std::int64_t i = first; i < end; ++i)
      sum += weight(i);
    for (std::int64_t i = first; i < end; ++i)
      visit(i, sum == 0 ? 0.0 : weight(i) / sum);
    return;
  }
  const float place = p.align_corners ? axis.step * whole : std::fma(axis.step, whole + 0.5f, -0.5f);
  switch (p.kind) {
    case ResizeKind::nearest:
      return visit(std::min(static_cast<std::int64_t>(std::floor(axis.step * whole)), last), 1.0);
    case ResizeKind::nearest_exact:
      return visit(std::min(static_cast<std::int64_t>(std::floor(std::max(place, 0.0f) + 0.5f)), last), 1.0);
    case ResizeKind::bilinear: {
      const double kept =
          axis.in == axis.out ? static_cast<double>(o) : std::max(static_cast<double>(place), 0.0);
      const auto first = std::min(static_cast<std::int64_t>(kept), last);
      const double weight = std::clamp(kept - static_cast<double>(first), 0.0, 1.0);
      visit(first, 1 - weight);
      return visit(axis.in == axis.out ? first : std::min(first + 1, last), weight);
    }
    case ResizeKind::bicubic: {
      const auto second = std::min(static_cast<std::int64_t>(std::floor(place)), last);
      const double t = std::clamp(static_cast<double>(place) - static_cast<double>(second), 0.0, 1.0);
      for (std::int64_t k = -1; k < 3; ++k)
        visit(std::clamp<std::int64_t>(second + k, 0, last), cubic(static_cast<double>(k) - t, -0.75));
      return;
    }
  }
}

template <class T>
void resize(const ResizeProblem& p, const ResizeOperands& operands) {
  const auto* x = static_cast<const T*>(operands.x.raw());
  auto* y = static_cast<T*>(operands.y.raw());
  const ResizeAxis rows = row_axis(p), columns = column_axis(p);
  for (std::int64_t plane = 0; plane < p.planes; ++plane, x += p.ih * p.iw) {
    for (std::int64_t oh = 0; oh < p.oh; ++oh) {
      for (std::int64_t ow = 0; ow < p.ow; ++ow) {
        double value = -0.0;  // to which adding -0 keeps its sign
        for_each_tap(p, rows, oh, [&](std::int64_t ih, double row_weight) {
          for_each_tap(p, columns, ow, [&](std::int64_t iw, double weight) {
            value += row_weight * weight * static_cast<double>(x[ih * p.iw + iw]);
          });
        });
        *y++ = static_cast<T>(static_cast<float>(value));
      }
    }
  }
}

}  // namespace

Verdict supports_resize2d(const ResizeProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t resize2d_workspace_bytes(const ResizeProblem&, const ExecutionContext&) {
  return 0;
}

void launch_resize2d(const ResizeProblem& problem, const ResizeOperands& operands, ExecutionContext&) {
  visit_compute_type(problem.dtype, [&]<class T>(std::type_identity<T>) { resize<T>(problem, operands); });
}

}  // namespace upconv::kernels::cpu::reference
