#include <string>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/kernels/resize2d.h>
#include <upconv/layers/pooling.h>
#include <upconv/layers/python_repr.h>
#include <upconv/layers/resizing.h>

namespace upconv {

namespace {

/// The size of an axis times its factor, rounded as PyTorch rounds it.
std::int64_t scaled(std::int64_t size, double scale) {
  const double product = static_cast<double>(size) * scale;
  if (!(product >= 1)) return 0;  // NaN, too
  if (product >= 0x1p62) throw ShapeError(message("interpolate: scale_factor of ", scale, " is too large"));
  return static_cast<std::int64_t>(product);
}

Size2d output_size(const InterpolateOptions& options, const Shape& x) {
  if (options.size) return *options.size;
  return {scaled(x[2], options.scale_factor->h), scaled(x[3], options.scale_factor->w)};
}

kernels::ResizeKind kind_of(InterpolateMode mode) {
  switch (mode) {
    case InterpolateMode::nearest_exact:
      return kernels::ResizeKind::nearest_exact;
    case InterpolateMode::bilinear:
      return kernels::ResizeKind::bilinear;
    case InterpolateMode::bicubic:
      return kernels::ResizeKind::bicubic;
    case InterpolateMode::nearest:
    case InterpolateMode::area:  // for these an operation only checks shapes
    case InterpolateMode::linear:
    case InterpolateMode::trilinear:
      break;
  }
  return kernels::ResizeKind::nearest;
}

class ResizeOperation : public Operation {
 public:
  explicit ResizeOperation(const InterpolateOptions& options) : options_(options) {}

  std::string name() const override { return "interpolate"; }

  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    const TensorSpec& x = operands[0];
    if (!is_compute_dtype(x.dtype))
      throw DTypeError(message("interpolate: input must be f32, f16 or bf16, got ", x.dtype));
    if (x.shape.rank() != 4) {
      throw ShapeError(message("interpolate: Got ", x.shape.rank(), "D input, but ", name_of(options_.mode),
                               " mode needs 4D input: images are [N,C,H,W] here, got ", x.shape));
    }
    const std::int64_t ih = x.shape[2], iw = x.shape[3];
    const Size2d size = output_size(options_, x.shape);
    if (ih < 1 || iw < 1 || size.h < 1 || size.w < 1) {
      throw ShapeError(
          message("interpolate: Input and output sizes should be greater than 0, but got input (H: ", ih,
                  ", W: ", iw, ") output (H: ", size.h, ", W: ", size.w, ')'));
    }
    if (x.shape[1] == 0) {
      throw ShapeError(
          message("interpolate: Non-empty 4D data tensor expected but got a tensor with sizes ", x.shape));
    }
    return {Shape{x.shape[0], x.shape[1], size.h, size.w}, x.dtype, x.device};
  }

  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(kernels::select("resize2d", kernels::resize2d_rows(ctx.device().type()),
                                       problem(operands[0]), ctx.caps(),
                                       kernels::forced_kernel("resize2d", ctx))
                           .name);
  }

  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    kernels::resize2d(problem(operands[0].spec()), {.x = operands[0], .y = y}, "interpolate", ctx);
  }

 private:
  kernels::ResizeProblem problem(const TensorSpec& x) const {
    const Size2d size = output_size(options_, x.shape);
    kernels::ResizeProblem p{.kind = kind_of(options_.mode),
                             .align_corners = options_.align_corners.value_or(false),
                             .antialias = options_.antialias,
                             .planes = x.shape[0] * x.shape[1],
                             .ih = x.shape[2],
                             .iw = x.shape[3],
                             .oh = size.h,
                             .ow = size.w,
                             .dtype = x.dtype};
    if (options_.scale_factor && !options_.recompute_scale_factor.value_or(false)) {
      p.scale_h = options_.scale_factor->h;
      p.scale_w = options_.scale_factor->w;
    }
    return p;
  }

  InterpolateOptions options_;
};

/// Throws: ArgumentError, in PyTorch's words, unless the options go together, and with images.
void check(const InterpolateOptions& options) {
  const InterpolateMode mode = options.mode;
  const bool takes_pixels = mode == InterpolateMode::nearest || mode == InterpolateMode::nearest_exact ||
                            mode == InterpolateMode::area;
  if (takes_pixels && options.align_corners) {
    throw ArgumentError(
        "interpolate: align_corners option can only be set with the interpolating modes: "
        "linear | bilinear | bicubic | trilinear");
  }
  if (options.size && options.scale_factor)
    throw ArgumentError("interpolate: only one of size or scale_factor should be defined");
  if (!options.size && !options.scale_factor)
    throw ArgumentError("interpolate: either size or scale_factor should be defined");
  if (options.size && options.recompute_scale_factor.value_or(false)) {
    throw ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size.");
  }
  if (options.antialias && mode != InterpolateMode::bilinear && mode != InterpolateMode::bicubic) {
    throw ArgumentError(
        message("interpolate: Anti-alias option is only supported for bilinear and bicubic "
                "modes, not for ",
                name_of(mode)));
  }
  if (mode == InterpolateMode::linear || mode == InterpolateMode::trilinear) {
    throw ArgumentError(message("interpolate: mode = ", name_of(mode), ": Got 4D input, but ", name_of(mode),
                                " mode needs ", mode == InterpolateMode::linear ? "3D" : "5D",
                                " input: images take nearest, nearest_exact, bilinear, bicubic or area"));
  }
}

}  // namespace

std::string_view name_of(InterpolateMode mode) {
  switch (mode) {
    case InterpolateMode::nearest:
      return "nearest";
    case InterpolateMode::linear:
      return "linear";
    case InterpolateMode::bilinear:
      return "bilinear";
    case InterpolateMode::bicubic:
      return "bicubic";
    case InterpolateMode::trilinear:
      return "trilinear";
    case InterpolateMode::area:
      return "area";
    case InterpolateMode::nearest_exact:
      return "nearest-exact";
  }
  return "invalid";
}

Value interpolate(const Value& x, const InterpolateOptions& options, SourceLocation where) {
  check(options);
  if (options.mode == InterpolateMode::area && x.shape().rank() == 4) {
    const Size2d size = output_size(options, x.shape());
    return adaptive_avg_pool2d(x, {.output_height = size.h, .output_width = size.w}, where);
  }
  return Recording::call(std::make_shared<ResizeOperation>(options), {&x, 1}, where);
}

Value Upsample::forward(Value x) const {
  return interpolate(x,
                     {.size = options_.size,
                      .scale_factor = options_.scale_factor,
                      .mode = options_.mode,
                      .align_corners = options_.align_corners,
                      .recompute_scale_factor = options_.recompute_scale_factor},
                     {});
}

std::string Upsample::extra_repr() const {
  std::string text;
  if (options_.scale_factor) {
    const std::string h = python_repr(options_.scale_factor->h), w = python_repr(options_.scale_factor->w);
    text = "scale_factor=" + (h == w ? h : message('(', h, ", ", w, ')'));
  } else if (options_.size) {
    const Size2d size = *options_.size;
    text = "size=" + (size.h == size.w ? message(size.h) : message('(', size.h, ", ", size.w, ')'));
  } else {
    text = "size=None";
  }
  return message(text, ", mode='", name_of(options_.mode), '\'');
}

}  // namespace upconv
