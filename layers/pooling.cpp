#include <algorithm>
#include <string>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/kernels/pool2d.h>
#include <upconv/layers/pooling.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

/// A pool of any kind: `window_` has all but the image.
class PoolOperation : public Operation {
 public:
  PoolOperation(std::string name, const kernels::PoolProblem& window, bool ceil_mode,
                const AdaptivePool2dOptions& output = {})
      : name_(std::move(name)), window_(window), ceil_mode_(ceil_mode), output_(output) {}

  std::string name() const override { return name_; }

  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    const TensorSpec& x = operands[0];
    if (!is_compute_dtype(x.dtype))
      throw DTypeError(message(name_, ": input must be f32, f16 or bf16, got ", x.dtype));
    const int rank = x.shape.rank();
    if (rank != 3 && rank != 4) {
      throw ShapeError(
          message(name_, ": Expected 3D or 4D (batch mode) tensor for input, but got: ", x.shape));
    }
    if (x.shape[-3] == 0 || x.shape[-2] == 0 || x.shape[-1] == 0) {
      throw ShapeError(message(name_, ": Expected non-zero sizes except for the batch, but got: ", x.shape));
    }
    const kernels::PoolProblem p = problem(x);
    if (p.oh < 1 || p.ow < 1) {
      throw ShapeError(message(name_, ": Given input size: (", x.shape[-3], 'x', p.ih, 'x', p.iw,
                               "). Calculated output size: (", x.shape[-3], 'x', p.oh, 'x', p.ow,
                               "). Output size is too small"));
    }
    return {rank == 4 ? Shape{x.shape[0], x.shape[1], p.oh, p.ow} : Shape{x.shape[0], p.oh, p.ow}, x.dtype,
            x.device};
  }

  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(kernels::select("pool2d", kernels::pool2d_rows(ctx.device().type()),
                                       problem(operands[0]), ctx.caps(),
                                       kernels::forced_kernel("pool2d", ctx))
                           .name);
  }

  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    kernels::pool2d(problem(operands[0].spec()), {.x = operands[0], .y = y}, std::string_view(name_), ctx);
  }

 private:
  kernels::PoolProblem problem(const TensorSpec& x) const {
    kernels::PoolProblem p = window_;
    p.planes = x.shape.rank() == 4 ? x.shape[0] * x.shape[1] : x.shape[0];
    p.ih = x.shape[-2];
    p.iw = x.shape[-1];
    p.dtype = x.dtype;
    if (p.adaptive) {
      p.oh = output_.output_height.value_or(p.ih);
      p.ow = output_.output_width.value_or(p.iw);
    } else {
      p.oh = kernels::pooled_size(p.ih, p.kh, p.stride_h, p.pad_h, p.dilation_h, ceil_mode_);
      p.ow = kernels::pooled_size(p.iw, p.kw, p.stride_w, p.pad_w, p.dilation_w, ceil_mode_);
    }
    return p;
  }

  std::string name_;
  kernels::PoolProblem window_;
  bool ceil_mode_;
  AdaptivePool2dOptions output_;
};

/// Throws: ArgumentError, in PyTorch's words, unless such a window can be.
void check(const char* name, const kernels::PoolProblem& p) {
  constexpr std::int64_t kLargest = 0x7fffffff;
  const auto positive = [&](const char* what, std::int64_t h, std::int64_t w) {
    if (h < 1 || w < 1 || h > kLargest || w > kLargest) {
      throw ArgumentError(message(name, ": ", what, " should be greater than zero, but got ", what, " of (",
                                  h, ", ", w, ')'));
    }
  };
  positive("kernel_size", p.kh, p.kw);
  positive("stride", p.stride_h, p.stride_w);
  positive("dilation", p.dilation_h, p.dilation_w);
  if (p.pad_h < 0 || p.pad_w < 0) {
    throw ArgumentError(
        message(name, ": pad must be non-negative, but got pad of (", p.pad_h, ", ", p.pad_w, ')'));
  }
  const std::int64_t extent_h = (p.kh - 1) * p.dilation_h + 1, extent_w = (p.kw - 1) * p.dilation_w + 1;
  if (p.pad_h > extent_h / 2 || p.pad_w > extent_w / 2) {
    throw ArgumentError(message(name, ": pad should be at most half of effective kernel size, but got pad=(",
                                p.pad_h, ", ", p.pad_w, "), kernel_size=(", p.kh, ", ", p.kw,
                                ") and dilation=(", p.dilation_h, ", ", p.dilation_w, ')'));
  }
}

Value adaptive(const char* name, kernels::PoolKind kind, const Value& x, const AdaptivePool2dOptions& options,
               SourceLocation where) {
  for (const auto& size : {options.output_height, options.output_width}) {
    if (size && *size < 1) {
      throw ArgumentError(message(name, ": elements of output_size must be greater than zero, got ", *size));
    }
  }
  const kernels::PoolProblem window{.kind = kind, .adaptive = true};
  return Recording::call(std::make_shared<PoolOperation>(name, window, false, options), {&x, 1}, where);
}

/// As PyTorch prints a size that was given as one number, or as two.
std::string size_repr(Size2d size) {
  return size.h == size.w ? message(size.h) : message('(', size.h, ", ", size.w, ')');
}

std::string output_size_repr(const AdaptivePool2dOptions& options) {
  const auto one = [](const std::optional<std::int64_t>& size) {
    return size ? message(*size) : std::string("None");
  };
  const std::string h = one(options.output_height), w = one(options.output_width);
  return "output_size=" + (h == w ? h : message('(', h, ", ", w, ')'));
}

}  // namespace

std::string MaxPool2d::extra_repr() const {
  return message("kernel_size=", size_repr(options_.kernel_size),
                 ", stride=", size_repr(options_.stride.value_or(options_.kernel_size)),
                 ", padding=", size_repr(options_.padding), ", dilation=", size_repr(options_.dilation),
                 ", ceil_mode=", python_repr(options_.ceil_mode));
}

std::string AvgPool2d::extra_repr() const {
  return message("kernel_size=", size_repr(options_.kernel_size),
                 ", stride=", size_repr(options_.stride.value_or(options_.kernel_size)),
                 ", padding=", size_repr(options_.padding));
}

std::string AdaptiveAvgPool2d::extra_repr() const {
  return output_size_repr(options_);
}

std::string AdaptiveMaxPool2d::extra_repr() const {
  return output_size_repr(options_);
}

Value max_pool2d(const Value& x, const MaxPool2dOptions& options, SourceLocation where) {
  const Size2d stride = options.stride.value_or(options.kernel_size);
  const kernels::PoolProblem window{.kind = kernels::PoolKind::max,
                                    .kh = options.kernel_size.h,
                                    .kw = options.kernel_size.w,
                                    .stride_h = stride.h,
                                    .stride_w = stride.w,
                                    .pad_h = options.padding.h,
                                    .pad_w = options.padding.w,
                                    .dilation_h = options.dilation.h,
                                    .dilation_w = options.dilation.w};
  check("max_pool2d", window);
  return Recording::call(std::make_shared<PoolOperation>("max_pool2d", window, options.ceil_mode), {&x, 1},
                         where);
}

Value avg_pool2d(const Value& x, const AvgPool2dOptions& options, SourceLocation where) {
  const Size2d stride = options.stride.value_or(options.kernel_size);
  const kernels::PoolProblem window{.kind = kernels::PoolKind::average,
                                    .kh = options.kernel_size.h,
                                    .kw = options.kernel_size.w,
                                    .stride_h = stride.h,
                                    .stride_w = stride.w,
                                    .pad_h = options.padding.h,
                                    .pad_w = options.padding.w,
                                    .include_pad = options.count_include_pad,
                                    .divisor = options.divisor_override.value_or(0)};
  check("avg_pool2d", window);
  if (options.divisor_override == std::int64_t{0})
    throw ArgumentError("avg_pool2d: divisor must be not zero");
  return Recording::call(std::make_shared<PoolOperation>("avg_pool2d", window, options.ceil_mode), {&x, 1},
                         where);
}

Value adaptive_avg_pool2d(const Value& x, const AdaptivePool2dOptions& options, SourceLocation where) {
  return adaptive("adaptive_avg_pool2d", kernels::PoolKind::average, x, options, where);
}

Value adaptive_max_pool2d(const Value& x, const AdaptivePool2dOptions& options, SourceLocation where) {
  return adaptive("adaptive_max_pool2d", kernels::PoolKind::max, x, options, where);
}

Value mean(const Value& x, const Sizes& dims, bool keepdim, SourceLocation where) {
  const Shape& shape = x.shape();
  const int rank = shape.rank();
  Sizes counted;
  for (const std::int64_t dim : dims) {
    if (dim < -rank || dim >= rank) {
      throw ShapeError(message("mean: Dimension out of range (expected to be in range of [", -rank, ", ",
                               rank - 1, "], but got ", dim, ')'));
    }
    counted.push_back(dim < 0 ? dim + rank : dim);
  }
  std::ranges::sort(counted);
  if (rank < 2 || counted != Sizes{rank - 2, rank - 1}) {
    throw ArgumentError(message("mean: dims must be the last two dimensions, {-2, -1}, for an input of ",
                                shape, ": means over other dimensions are not there"));
  }
  std::int64_t planes = 1;
  Sizes kept;
  for (int d = 0; d < rank - 2; ++d) {
    planes *= shape[d];
    kept.push_back(shape[d]);
  }
  if (keepdim) kept.insert(kept.end(), {1, 1});
  const Value images = reshape(x, {planes, shape[rank - 2], shape[rank - 1]}, where);
  return reshape(adaptive_avg_pool2d(images, {}, where), kept, where);
}

}  // namespace upconv
