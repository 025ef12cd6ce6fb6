#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

namespace {

// Sizes up to 2^31 - 1, as int in PyTorch's backends: products of three of them and a sum stay inside 64 bits
// where they are formed below, and Shape checks the rest.
constexpr std::int64_t kLargestSize = 0x7fffffff;

std::int64_t output_size(bool transposed, std::int64_t input, std::int64_t kernel, std::int64_t stride,
                         std::int64_t pad, std::int64_t pad_end, std::int64_t output_pad,
                         std::int64_t dilation) {
  const std::int64_t extent = dilation * (kernel - 1) + 1;
  if (transposed) return (input - 1) * stride - 2 * pad + extent + output_pad;
  if (stride == 0) return 0;
  const std::int64_t room = input + 2 * pad + pad_end - extent;
  return room < 0 ? 0 : room / stride + 1;
}

void check_range(std::string_view what, std::int64_t value, std::int64_t least) {
  if (value < least || value > kLargestSize) {
    throw ArgumentError(message(what, " must be from ", least, " to ", kLargestSize, ", got ", value));
  }
}

/// Reads a problem string from the left.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail(message("expected '", word, '\''));
  }
  void read(std::string_view label, std::int64_t& value) {
    expect(label);
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) fail(message("expected a number after '", label, '\''));
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
  }
  std::string_view& rest() { return rest_; }
  void finish() const {
    if (!rest_.empty()) fail("expected the end");
  }
  [[noreturn]] void fail(std::string_view why) const {
    throw ArgumentError(
        message("problem string '", text_, "': ", why, " at position ", text_.size() - rest_.size()));
  }

 private:
  std::string_view text_;
  std::string_view rest_;
};

constexpr std::array kPaddingModes = {PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate,
                                      PaddingMode::circular};

/// What a problem string can end with.
constexpr std::array kTypes = {std::pair(DType::f32, Precision::fp32), std::pair(DType::f32, Precision::tf32),
                               std::pair(DType::f16, Precision::fp32),
                               std::pair(DType::bf16, Precision::fp32)};

void check_mode(PaddingMode mode) {
  switch (mode) {
    case PaddingMode::zeros:
    case PaddingMode::reflect:
    case PaddingMode::replicate:
    case PaddingMode::circular:
      return;
  }
  throw ArgumentError(
      message("PaddingMode(", static_cast<int>(mode), ") is no padding mode: use one of the enumerators"));
}

}  // namespace

std::string_view name_of(PaddingMode mode) {
  switch (mode) {
    case PaddingMode::zeros:
      return "zeros";
    case PaddingMode::reflect:
      return "reflect";
    case PaddingMode::replicate:
      return "replicate";
    case PaddingMode::circular:
      return "circular";
  }
  return "invalid";
}

std::int64_t ConvProblem::oh() const {
  return output_size(transposed, ih, kh, stride_h, pad_h, pad_end_h, output_pad_h, dilation_h);
}

std::int64_t ConvProblem::ow() const {
  return output_size(transposed, iw, kw, stride_w, pad_w, pad_end_w, output_pad_w, dilation_w);
}

Shape ConvProblem::weight_shape() const {
  return transposed ? Shape{ci, co_per_group(), kh, kw} : Shape{co, ci_per_group(), kh, kw};
}

double ConvProblem::flops() const {
  const auto product = [](auto... sizes) { return (1.0 * ... * static_cast<double>(sizes)); };
  const double pixels = transposed ? product(ih, iw) : product(oh(), ow());
  return 2.0 * pixels * product(n, ci_per_group(), co, kh, kw);
}

std::string_view ConvProblem::op() const {
  return transposed ? "conv_transpose2d" : "conv2d";
}

std::string ConvProblem::to_string() const {
  const std::string middle =
      transposed ? message("op", output_pad_h, 'x', output_pad_w) : std::string(name_of(padding_mode));
  const bool even = pad_end_h == 0 && pad_end_w == 0;
  const std::string end = even ? "" : message("_e", pad_end_h, 'x', pad_end_w);
  return message('n', n, "ci", ci, "ih", ih, "iw", iw, "co", co, "kh", kh, "kw", kw, "_s", stride_h, 'x',
                 stride_w, "_p", pad_h, 'x', pad_w, end, '_', middle, "_d", dilation_h, 'x', dilation_w, "_g",
                 groups, '_', name_of(dtype, precision), finite_weight ? "" : "_nonfinite",
                 epilogue.to_string());
}

ConvProblem ConvProblem::parse(std::string_view text) {
  ConvProblem problem;
  Reader reader(text);
  const auto read_pair = [&](std::string_view label, std::int64_t& h, std::int64_t& w) {
    reader.read(label, h);
    reader.read("x", w);
  };
  reader.read("n", problem.n);
  reader.read("ci", problem.ci);
  reader.read("ih", problem.ih);
  reader.read("iw", problem.iw);
  reader.read("co", problem.co);
  reader.read("kh", problem.kh);
  reader.read("kw", problem.kw);
  read_pair("_s", problem.stride_h, problem.stride_w);
  read_pair("_p", problem.pad_h, problem.pad_w);
  if (reader.take("_e")) read_pair("", problem.pad_end_h, problem.pad_end_w);
  reader.expect("_");
  const auto mode =
      std::ranges::find_if(kPaddingModes, [&](PaddingMode m) { return reader.take(name_of(m)); });
  problem.transposed = mode == kPaddingModes.end();
  if (problem.transposed) {
    read_pair("op", problem.output_pad_h, problem.output_pad_w);
  } else {
    problem.padding_mode = *mode;
  }
  read_pair("_d", problem.dilation_h, problem.dilation_w);
  reader.read("_g", problem.groups);
  reader.expect("_");
  const auto type =
      std::ranges::find_if(kTypes, [&](const auto& t) { return reader.take(name_of(t.first, t.second)); });
  if (type == kTypes.end()) reader.fail("expected f32, tf32, f16 or bf16");
  problem.dtype = type->first;
  problem.precision = type->second;
  problem.finite_weight = !reader.take("_nonfinite");
  problem.epilogue = EpilogueForm::take(reader.rest());
  reader.finish();
  validate(problem);
  return problem;
}

void validate_layer(const ConvProblem& p) {
  if (p.stride_h < 1 || p.stride_w < 1) {
    throw ArgumentError(
        message("non-positive stride is not supported, got stride ", Size2d(p.stride_h, p.stride_w)));
  }
  if (p.pad_h < 0 || p.pad_w < 0) {
    throw ArgumentError(message("negative padding is not supported, got padding ", Size2d(p.pad_h, p.pad_w)));
  }
  check_range("in_channels", p.ci, 1);
  check_range("out_channels", p.co, 1);
  check_range("kernel_size height", p.kh, 1);
  check_range("kernel_size width", p.kw, 1);
  check_range("stride height", p.stride_h, 1);
  check_range("stride width", p.stride_w, 1);
  check_range("padding height", p.pad_h, 0);
  check_range("padding width", p.pad_w, 0);
  check_range("padding height at the end", p.pad_h + p.pad_end_h, 0);
  check_range("padding width at the end", p.pad_w + p.pad_end_w, 0);
  check_range("output_padding height", p.output_pad_h, 0);
  check_range("output_padding width", p.output_pad_w, 0);
  check_range("dilation height", p.dilation_h, 1);
  check_range("dilation width", p.dilation_w, 1);
  check_range("groups", p.groups, 1);
  if (p.ci % p.groups != 0) {
    throw ArgumentError(message("in_channels must be divisible by groups, got ", p.ci, " and ", p.groups));
  }
  if (p.co % p.groups != 0) {
    throw ArgumentError(message("out_channels must be divisible by groups, got ", p.co, " and ", p.groups));
  }
  static_cast<void>(p.weight_shape());  // throws if the count overflows
  check_mode(p.padding_mode);
  if (!p.transposed) {
    if (p.output_pad_h != 0 || p.output_pad_w != 0)
      throw ArgumentError("output_padding belongs to ConvTranspose2d");
    return;
  }
  if (p.pad_end_h != 0 || p.pad_end_w != 0) throw ArgumentError("padding at one end belongs to Conv2d");
  if (p.padding_mode != PaddingMode::zeros) {
    throw ArgumentError("Only \"zeros\" padding mode is supported for ConvTranspose2d");
  }
  if (p.output_pad_h >= std::max(p.stride_h, p.dilation_h) ||
      p.output_pad_w >= std::max(p.stride_w, p.dilation_w)) {
    throw ArgumentError(
        message("output padding must be smaller than either stride or dilation, but got "
                "output_padding ",
                Size2d(p.output_pad_h, p.output_pad_w), ", stride ", Size2d(p.stride_h, p.stride_w),
                ", dilation ", Size2d(p.dilation_h, p.dilation_w)));
  }
}

void validate(const ConvProblem& p) {
  validate_layer(p);
  check_range("batch size", p.n, 0);
  if (p.ih == 0 || p.iw == 0) {
    throw ShapeError(
        message("an image needs at least one pixel, and only the batch may be 0, but got input shape: ",
                p.x_shape()));
  }
  check_range("input height", p.ih, 1);
  check_range("input width", p.iw, 1);
  if (!is_compute_dtype(p.dtype)) throw DTypeError(message("input must be f32, f16 or bf16, got ", p.dtype));
  const std::int64_t most_h = p.pad_h + std::max<std::int64_t>(p.pad_end_h, 0),
                     most_w = p.pad_w + std::max<std::int64_t>(p.pad_end_w, 0);
  if (p.padding_mode == PaddingMode::circular && (most_h > p.ih || most_w > p.iw)) {
    throw ShapeError(message("Padding value causes wrapping around more than once: padding ",
                             Size2d(most_h, most_w), " for an input of ", p.ih, " x ", p.iw));
  }
  if (p.padding_mode == PaddingMode::reflect && (most_h >= p.ih || most_w >= p.iw)) {
    throw ShapeError(
        message("Padding size should be less than the corresponding input dimension, but got: padding ",
                Size2d(most_h, most_w), " for an input of ", p.ih, " x ", p.iw));
  }
  const std::int64_t oh = p.oh(), ow = p.ow();
  if (!p.transposed && (oh < 1 || ow < 1)) {
    throw ShapeError(message("Calculated padded input size per channel: (", p.ih + 2 * p.pad_h + p.pad_end_h,
                             " x ", p.iw + 2 * p.pad_w + p.pad_end_w, "). Kernel size: (",
                             p.dilation_h * (p.kh - 1) + 1, " x ", p.dilation_w * (p.kw - 1) + 1,
                             "). Kernel size can't be greater than actual input size"));
  }
  if (oh < 1 || ow < 1) {
    throw ShapeError(message("Given input size per channel: (", p.ih, " x ", p.iw,
                             "). Calculated output size per channel: (", oh, " x ", ow,
                             "). Output size is too small"));
  }
  check_range("output height", oh, 1);
  check_range("output width", ow, 1);
  static_cast<void>(p.x_shape());  // both throw if the count overflows
  static_cast<void>(p.y_shape());
}

std::span<const ConvRow> convolution_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::convolution_rows();
    case Device::Type::cuda:
      return cuda::convolution_rows();
  }
  throw_invalid(type);
}

void convolution(ConvProblem problem, const ConvOperands& operands, ModuleName layer, ExecutionContext& ctx) {
  validate(problem);
  problem.epilogue = EpilogueForm::of(operands.epilogue);
  const auto check = [&](std::string_view what, ConstTensorView view, const Shape& shape) {
    check_operand(layer, what, view, {shape, problem.dtype, ctx.device()});
  };
  check("input", operands.x, problem.x_shape());
  check("weight", operands.weight, problem.weight_shape());
  check("output", operands.y, problem.y_shape());
  check_overlap(layer, operands.x, operands.y, false);
  check_epilogue(layer, operands.epilogue, problem.co, operands.y);
  if (operands.epilogue.residual.defined())
    check_overlap(layer, operands.epilogue.residual, operands.y, false);
  if (operands.y.numel() == 0) return;
  const ConvRow& row = select(problem.op(), convolution_rows(ctx.device().type()), problem, ctx.caps(),
                              forced_kernel(problem.op(), ctx));
  check_packed(row, problem, operands, layer, ctx);
  run_row(row, problem.op(), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
