#include <algorithm>
#include <memory>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/layers/movement_operation.h>
#include <upconv/layers/padding.h>
#include <upconv/layers/padding_operation.h>
#include <upconv/layers/python_repr.h>

namespace upconv {

namespace {

/// Whether `operation` can pad x. What it has to say if not, it says when it is recorded.
bool can_pad(const PadOperation& operation, const TensorSpec& x) {
  try {
    static_cast<void>(operation.output_spec({&x, 1}));
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// What remains of x when amounts, none of which is positive, are cut off.
Value crop(const Value& x, const Sizes& amounts, SourceLocation where) {
  std::vector<std::int64_t> sizes(x.shape().begin(), x.shape().end());
  const std::vector<std::int64_t> strides = contiguous_strides(x.shape());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < amounts.size() / 2; ++i) {
    const std::size_t dim = sizes.size() - 1 - i;
    sizes[dim] += amounts[2 * i] + amounts[2 * i + 1];
    offset -= amounts[2 * i] * strides[dim];
  }
  return Recording::call(std::make_shared<MovementOperation>("pad", Shape(sizes), strides, offset), {&x, 1},
                         where);
}

}  // namespace

Value pad(const Value& x, const Sizes& pad, PadMode mode, double value, SourceLocation where) {
  const auto positive = [](std::int64_t amount) { return amount > 0; };
  const auto operation = std::make_shared<PadOperation>(pad, mode, value);
  if (std::ranges::none_of(pad, positive) && can_pad(*operation, x.spec())) return crop(x, pad, where);
  const bool cuts = std::ranges::any_of(pad, [](std::int64_t amount) { return amount < 0; });
  if (mode == PadMode::circular && cuts && can_pad(*operation, x.spec())) {
    // What is left comes round, not what was cut off.
    Sizes cut = pad, added = pad;
    std::ranges::replace_if(cut, positive, 0);
    std::ranges::replace_if(
        added, [](std::int64_t amount) { return amount < 0; }, 0);
    const Value kept = crop(x, cut, where);
    return Recording::call(std::make_shared<PadOperation>(added, mode, value), {&kept, 1}, where);
  }
  return Recording::call(operation, {&x, 1}, where);
}

PaddingLayer::PaddingLayer(const char* type_name, std::span<const std::int64_t> amounts, PadMode mode,
                           double value, bool shows_value)
    : Network(type_name),
      amounts_(amounts.begin(), amounts.end()),
      mode_(mode),
      value_(value),
      shows_value_(shows_value) {}

Value PaddingLayer::forward(Value x) const {
  const int dims = static_cast<int>(amounts_.size()) / 2, rank = x.shape().rank();
  if (mode_ == PadMode::circular && rank != dims + 1 && rank != dims + 2) {
    throw ShapeError(message(display_name(), ": expected ", dims + 1, "D or ", dims + 2, "D input (got ",
                             rank, "D input)"));
  }
  return pad(x, amounts_, mode_, value_, {});
}

std::string PaddingLayer::extra_repr() const {
  std::string sides;
  for (const std::int64_t amount : amounts_)
    sides += message(sides.empty() ? "(" : ", ", amount);
  sides += ')';
  return shows_value_ ? message("padding=", sides, ", value=", python_repr(value_)) : sides;
}

}  // namespace upconv
