#include <algorithm>
#include <cmath>
#include <limits>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/convolution_operation.h>
#include <upconv/layers/padding_operation.h>

namespace upconv {

using kernels::PadMode;

namespace {

constexpr std::int64_t kLargestAmount = std::int64_t{1} << 60;  // sums of a size and two stay in 64 bits

/// The largest finite value of a type that can be exceeded by a double.
double largest_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return static_cast<double>(std::numeric_limits<float>::max());
    case DType::f16:
      return 65504.0;
    case DType::bf16:
      return 0x1.fep127;
    case DType::f64:
    case DType::i64:
      break;
  }
  return std::numeric_limits<double>::infinity();
}

PaddingMode padding_mode_of(PadMode mode) {
  switch (mode) {
    case PadMode::constant:
      return PaddingMode::zeros;
    case PadMode::reflect:
      return PaddingMode::reflect;
    case PadMode::replicate:
      return PaddingMode::replicate;
    case PadMode::circular:
      return PaddingMode::circular;
  }
  throw ArgumentError(message("PadMode(", static_cast<int>(mode), ") is no mode"));
}

}  // namespace

std::int64_t PadOperation::before(int dim, int rank) const {
  const auto at = 2 * static_cast<std::size_t>(rank - 1 - dim);
  return at < amounts_.size() ? amounts_[at] : 0;
}

std::int64_t PadOperation::after(int dim, int rank) const {
  const auto at = 2 * static_cast<std::size_t>(rank - 1 - dim) + 1;
  return at < amounts_.size() ? amounts_[at] : 0;
}

void PadOperation::check_arguments(const TensorSpec& x) const {
  if (amounts_.size() % 2 != 0) throw ArgumentError("pad: Padding length must be divisible by 2");
  if (amounts_.size() > 2 * static_cast<std::size_t>(x.shape.rank())) {
    throw ShapeError(message(
        "pad: Padding length should be less than or equal to two times the input dimension but got padding "
        "length ",
        amounts_.size(), " and input of dimension ", x.shape.rank()));
  }
  for (const std::int64_t amount : amounts_) {
    if (std::max(amount, -amount) > kLargestAmount || amount == std::numeric_limits<std::int64_t>::min())
      throw ArgumentError(message("pad: an amount of ", amount, " is out of range"));
  }
  if (mode_ != PadMode::constant && value_ != 0) {
    throw ArgumentError(message("pad: Padding mode \"", name_of(mode_), "\" doesn't take in value argument"));
  }
  if (std::isfinite(value_) && std::abs(value_) > largest_of(x.dtype)) {
    throw ArgumentError(
        message("pad: value ", value_, " cannot be converted to type ", x.dtype, " without overflow"));
  }
}

void PadOperation::check_image(const Shape& x) const {
  const auto dims = static_cast<int>(amounts_.size()) / 2;
  const int rank = x.rank();
  if (dims < 1 || dims > 3 || (rank != dims + 1 && rank != dims + 2)) {
    throw ShapeError(message(
        "pad: Padding size ", amounts_.size(), " is not supported for ", rank,
        "D input tensor. Supported combinations for non-constant padding: 2D or 3D input: padding size = 2 "
        "(pads last dimension), 3D or 4D input: padding size = 4 (pads last 2 dimensions), 4D or 5D input: "
        "padding size = 6 (pads last 3 dimensions)"));
  }
  if (mode_ == PadMode::circular) return;
  for (int dim = rank == dims + 2 ? 1 : 0; dim < rank; ++dim) {
    if (x[dim] != 0) continue;
    throw ShapeError(message("pad: Expected ", dims + 1, "D or ", dims + 2,
                             "D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
                             "for input, but got: ",
                             x));
  }
}

void PadOperation::check_sizes(const Shape& x) const {
  const int rank = x.rank(), first = rank - static_cast<int>(amounts_.size()) / 2;
  std::string sizes, padded;  // "H: 5, W: 5", "H: 7 W: 0"
  bool too_small = false;
  for (int dim = rank - 1; dim >= first; --dim) {
    const std::int64_t size = x[dim], in_front = before(dim, rank), behind = after(dim, rank);
    const std::int64_t kept = size + std::min<std::int64_t>(in_front, 0) + std::min<std::int64_t>(behind, 0);
    switch (mode_) {
      case PadMode::constant:
        if (kept < 0) {
          throw ShapeError(message("pad: The input size ", size, ", plus negative padding ", in_front,
                                   " and ", behind,
                                   " resulted in a negative output size, which is invalid. Check dimension ",
                                   dim, " of your input."));
        }
        break;
      case PadMode::circular:
        if (kept < 0) throw ShapeError("pad: Negative padding value is resulting in an empty dimension");
        if (in_front > kept || behind > kept)
          throw ShapeError("pad: Padding value causes wrapping around more than once.");
        break;
      case PadMode::reflect:
        if (in_front >= size || behind >= size) {
          throw ShapeError(
              message("pad: Padding size should be less than the corresponding input dimension, but got: "
                      "padding (",
                      in_front, ", ", behind, ") at dimension ", dim, " of input ", x));
        }
        [[fallthrough]];
      case PadMode::replicate: {
        const char* name = dim == rank - 1 ? "W" : dim == rank - 2 ? "H" : "D";
        const std::int64_t result = size + in_front + behind;
        sizes = message(name, ": ", size, sizes.empty() ? "" : ", ", sizes);
        padded = message(name, ": ", result, padded.empty() ? "" : " ", padded);
        too_small = too_small || result < 1;
        break;
      }
    }
  }
  if (!too_small) return;
  throw ShapeError(amounts_.size() == 2
                       ? message("pad: input (", sizes, ") is too small. Calculated output ", padded)
                       : message("pad: Calculated output ", padded,
                                 " must be >= 1 in every dimension (input ", sizes, ')'));
}

TensorSpec PadOperation::output_spec(std::span<const TensorSpec> operands) const {
  const TensorSpec& x = operands[0];
  check_arguments(x);
  if (mode_ != PadMode::constant) check_image(x.shape);
  check_sizes(x.shape);
  const kernels::PadProblem p = problem(x);
  // Circular padding that also cuts is never run as it is: `pad` makes a crop and a padding of it.
  const bool cuts = std::ranges::any_of(amounts_, [](std::int64_t amount) { return amount < 0; });
  if (mode_ != PadMode::circular || !cuts) kernels::validate(p);
  return {p.y_shape(), x.dtype, x.device};
}

kernels::PadProblem PadOperation::problem(const TensorSpec& x) const {
  kernels::PadProblem p{.mode = mode_, .value = value_, .dtype = x.dtype};
  const int rank = x.shape.rank();
  for (int dim = 0; dim < rank; ++dim)
    p.add(x.shape[dim], before(dim, rank), after(dim, rank));
  return p;
}

std::string PadOperation::kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const {
  return std::string(kernels::select("pad", kernels::pad_rows(ctx.device().type()),
                                     problem(operands[0]).merged(), ctx.caps(),
                                     kernels::forced_kernel("pad", ctx))
                         .name);
}

Fusion PadOperation::fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
                          const ExecutionContext& ctx) const {
  const ConvolutionOperation* convolution = ConvolutionOperation::from(next);
  if (convolution == nullptr || operand != 0) return {};
  if (std::ranges::any_of(amounts_, [](std::int64_t amount) { return amount < 0; }))
    return {nullptr, "a convolution cuts nothing off"};
  for (std::size_t i = 4; i < amounts_.size(); ++i) {
    if (amounts_[i] != 0) return {nullptr, "a convolution pads height and width alone"};
  }
  if (mode_ == PadMode::constant && value_ != 0)
    return {nullptr, "a convolution pads with zeros: the constant is not zero"};
  const int rank = operands[0].shape.rank();
  const ExtraPadding padding{.top = before(rank - 2, rank),
                             .bottom = after(rank - 2, rank),
                             .left = before(rank - 1, rank),
                             .right = after(rank - 1, rank),
                             .mode = padding_mode_of(mode_)};
  return convolution->with_padding(padding, operands[0], output_spec(operands.first(1)), ctx);
}

void PadOperation::run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const {
  kernels::pad(problem(operands[0].spec()), {.x = operands[0], .y = y}, "pad", ctx);
}

}  // namespace upconv
