#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>
#include <upconv/kernels/pool2d.h>

namespace upconv::kernels {

std::string_view name_of(PoolKind kind) {
  switch (kind) {
    case PoolKind::max:
      return "max";
    case PoolKind::average:
      return "avg";
  }
  return "invalid";
}

std::int64_t pooled_size(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         std::int64_t dilation, bool ceil_mode) {
  const std::int64_t room = input + 2 * pad - dilation * (kernel - 1) - 1;
  if (room < 0 && !(ceil_mode && room + stride > 0)) return 0;
  std::int64_t size = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (size - 1) * stride >= input + pad) --size;
  return size;
}

std::string PoolProblem::to_string() const {
  std::string text = message(adaptive ? "adaptive_" : "", name_of(kind), "_p", planes, "ih", ih, "iw", iw,
                             "oh", oh, "ow", ow);
  if (!adaptive) {
    text += message("kh", kh, "kw", kw, "_s", stride_h, 'x', stride_w, "_p", pad_h, 'x', pad_w, "_d",
                    dilation_h, 'x', dilation_w);
    if (!include_pad) text += "_nopad";
    if (divisor != 0) text += message("_div", divisor);
  }
  return message(text, '_', dtype);
}

std::span<const PoolRow> pool2d_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::pool2d_rows();
    case Device::Type::cuda:
      return cuda::pool2d_rows();
  }
  throw_invalid(type);
}

void validate(const PoolProblem& p) {
  static_cast<void>(Shape{p.planes, p.ih, p.iw});  // throw on a negative size, and beyond 64 bits
  static_cast<void>(Shape{p.planes, p.oh, p.ow});
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message("pool2d: input must be f32, f16 or bf16, got ", p.dtype));
  if (p.oh < 1 || p.ow < 1 || p.ih < 1 || p.iw < 1) {
    throw ShapeError(message("pool2d: images must have pixels: ", p.to_string()));
  }
  if (p.adaptive) return;
  const auto fits = [](std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t stride,
                       std::int64_t pad, std::int64_t dilation) {
    if (kernel < 1 || stride < 1 || dilation < 1 || pad < 0) return false;
    // Every window has an element of the image.
    return pad <= (dilation * (kernel - 1) + 1) / 2 && (out - 1) * stride - pad < in;
  };
  if (!fits(p.oh, p.ih, p.kh, p.stride_h, p.pad_h, p.dilation_h) ||
      !fits(p.ow, p.iw, p.kw, p.stride_w, p.pad_w, p.dilation_w)) {
    throw ArgumentError(message("pool2d: there are no such windows: ", p.to_string()));
  }
}

void pool2d(const PoolProblem& problem, const PoolOperands& operands, ModuleName layer,
            ExecutionContext& ctx) {
  validate(problem);
  check_operand(layer, "input", operands.x, problem.planes * problem.ih * problem.iw, problem.dtype,
                ctx.device());
  check_operand(layer, "output", operands.y, problem.planes * problem.oh * problem.ow, problem.dtype,
                ctx.device());
  check_overlap(layer, operands.x, operands.y, false);
  if (operands.y.numel() == 0) return;
  run("pool2d", pool2d_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
