#include <algorithm>
#include <cmath>

#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>
#include <upconv/kernels/resize2d.h>

namespace upconv::kernels {

namespace {

/// As PyTorch's area_pixel_compute_scale.
float step_of(std::int64_t in, std::int64_t out, bool align_corners, double scale) {
  if (align_corners) return out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0f;
  if (scale > 0) return static_cast<float>(1.0 / scale);
  return static_cast<float>(in) / static_cast<float>(out);
}

bool interpolates(ResizeKind kind) {
  return kind == ResizeKind::bilinear || kind == ResizeKind::bicubic;
}

}  // namespace

std::string_view name_of(ResizeKind kind) {
  switch (kind) {
    case ResizeKind::nearest:
      return "nearest";
    case ResizeKind::nearest_exact:
      return "nearest-exact";
    case ResizeKind::bilinear:
      return "bilinear";
    case ResizeKind::bicubic:
      return "bicubic";
  }
  return "invalid";
}

std::string ResizeProblem::to_string() const {
  std::string text = message(name_of(kind), align_corners ? "_corners" : "", antialias ? "_aa" : "", "_p",
                             planes, "ih", ih, "iw", iw, "oh", oh, "ow", ow);
  if (scale_h != 0 || scale_w != 0) text += message("_s", scale_h, 'x', scale_w);
  return message(text, '_', dtype);
}

ResizeAxis row_axis(const ResizeProblem& p) {
  return {p.ih, p.oh, step_of(p.ih, p.oh, p.align_corners, p.scale_h)};
}

ResizeAxis column_axis(const ResizeProblem& p) {
  return {p.iw, p.ow, step_of(p.iw, p.ow, p.align_corners, p.scale_w)};
}

float antialias_support(ResizeKind kind, float step) {
  const float half = kind == ResizeKind::bicubic ? 2.0f : 1.0f;
  return step >= 1.0f ? half * step : half;
}

std::int64_t resize_taps(const ResizeProblem& p, const ResizeAxis& axis) {
  if (p.antialias) {
    const auto support = static_cast<std::int64_t>(std::ceil(antialias_support(p.kind, axis.step)));
    return std::min(2 * support + 1, axis.in);
  }
  switch (p.kind) {
    case ResizeKind::nearest:
    case ResizeKind::nearest_exact:
      return 1;
    case ResizeKind::bilinear:
      return 2;
    case ResizeKind::bicubic:
      return 4;
  }
  return 0;
}

std::span<const ResizeRow> resize2d_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::resize2d_rows();
    case Device::Type::cuda:
      return cuda::resize2d_rows();
  }
  throw_invalid(type);
}

void validate(const ResizeProblem& p) {
  static_cast<void>(Shape{p.planes, p.ih, p.iw});  // throw on a negative size, and beyond 64 bits
  static_cast<void>(Shape{p.planes, p.oh, p.ow});
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("resize2d: input must be f32, f16 or bf16, got ", p.dtype));
  if (p.oh < 1 || p.ow < 1 || p.ih < 1 || p.iw < 1)
    throw ShapeError(message("resize2d: images must have pixels: ", p.to_string()));
  if (!interpolates(p.kind) && (p.align_corners || p.antialias)) {
    throw ArgumentError(
        message("resize2d: align_corners and antialias are for bilinear and bicubic: ", p.to_string()));
  }
  // A pixel of y that lies outside x, or a scale that is no number, would be read anywhere.
  const auto fits = [](std::int64_t in, std::int64_t out, double scale) {
    return scale == 0 || (scale > 0 && std::abs(static_cast<double>(in) * scale - static_cast<double>(out)) <=
                                           1 + 1e-6 * static_cast<double>(out));
  };
  if (!fits(p.ih, p.oh, p.scale_h) || !fits(p.iw, p.ow, p.scale_w))
    throw ArgumentError(message("resize2d: sizes are not input sizes times scales: ", p.to_string()));
}

void resize2d(const ResizeProblem& problem, const ResizeOperands& operands, ModuleName layer,
              ExecutionContext& ctx) {
  validate(problem);
  check_operand(layer, "input", operands.x, problem.planes * problem.ih * problem.iw, problem.dtype,
                ctx.device());
  check_operand(layer, "output", operands.y, problem.planes * problem.oh * problem.ow, problem.dtype,
                ctx.device());
  check_overlap(layer, operands.x, operands.y, false);
  if (operands.y.numel() == 0) return;
  run("resize2d", resize2d_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
