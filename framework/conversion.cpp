#include <array>
#include <cmath>
#include <string_view>

#include <upconv/framework/conversion.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

std::string_view largest(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return "65504";
    case DType::bf16:
      return "3.39e38";
    case DType::f32:
      return "3.40e38";
    case DType::f64:
    case DType::i64:
      break;
  }
  return "its own";
}

std::string index_text(std::int64_t position, const Shape& shape) {
  std::array<std::int64_t, Shape::kMaxRank> index{};
  for (int i = shape.rank() - 1; i >= 0; --i) {
    index[static_cast<std::size_t>(i)] = position % shape[i];
    position /= shape[i];
  }
  return Shape(std::span<const std::int64_t>(index.data(), static_cast<std::size_t>(shape.rank())))
      .to_string();
}

template <class From, class To>
ConversionLoss compare(std::span<const From> from, std::span<const To> to) {
  ConversionLoss loss;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto before = static_cast<double>(from[i]), after = static_cast<double>(to[i]);
    if (std::isfinite(before) && !std::isfinite(after)) {
      if (loss.overflowed++ == 0) {
        loss.first = static_cast<std::int64_t>(i);
        loss.value = before;
      }
    }
    loss.vanished += before != 0.0 && after == 0.0;
  }
  return loss;
}

}  // namespace

ConversionLoss conversion_loss(const Tensor& from, const Tensor& to) {
  if (from.dtype() == to.dtype()) return {};
  return visit_dtype(from.dtype(), [&]<class From>(std::type_identity<From>) {
    return visit_dtype(to.dtype(), [&]<class To>(std::type_identity<To>) {
      return compare(from.data<From>(), to.data<To>());
    });
  });
}

std::string overflow_text(const ConversionLoss& loss, const TensorSpec& to) {
  return message(loss.overflowed, " of ", to.shape.numel(),
                 loss.overflowed == 1 ? " values is" : " values are", " beyond the range of ", to.dtype,
                 " (up to ", largest(to.dtype), "), the first ", loss.value, " at ",
                 index_text(loss.first, to.shape));
}

}  // namespace upconv
