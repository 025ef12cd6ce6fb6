#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>

#include <upconv/framework/context.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/tensor.h>

namespace upconv {

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

bool fits_int64(double value) {
  return value >= -kTwoTo63 && value < kTwoTo63;
}  // false for NaN

Shape same_count(const Shape& from, const Shape& to) {
  if (from.numel() == to.numel()) return to;
  throw ShapeError(
      message("cannot reshape ", from, " (", from.numel(), " elements) to ", to, " (", to.numel(), ')'));
}

template <class To, class From>
To convert_element(From value) {
  if constexpr (std::same_as<To, std::int64_t> && !std::same_as<From, std::int64_t>) {
    const auto wide = static_cast<double>(value);
    if (!fits_int64(wide)) throw DTypeError(message("value ", wide, " does not fit i64"));
    return static_cast<std::int64_t>(wide);
  } else if constexpr (std::same_as<From, double> && sizeof(To) == 2) {
    // Rounding twice (to float, then to 16 bits) can miss the nearest; rounding to odd first cannot.
    float rounded = static_cast<float>(value);
    if (std::isfinite(rounded) && static_cast<double>(rounded) != value) {
      if (std::abs(static_cast<double>(rounded)) > std::abs(value)) rounded = std::nextafter(rounded, 0.0f);
      rounded = std::bit_cast<float>(std::bit_cast<std::uint32_t>(rounded) | 1u);
    }
    return To(rounded);
  } else if constexpr (std::same_as<From, std::int64_t> && sizeof(To) == 2) {
    return convert_element<To>(static_cast<double>(value));
  } else if constexpr (sizeof(To) == 2) {
    return To(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

void ConstTensorView::check_access(DType requested) const {
  if (requested != dtype()) {
    throw DTypeError(message("data<", requested, ">() on a tensor of ", dtype(),
                             ": ask for its own type, or convert "
                             "with to(DType::",
                             requested, ")"));
  }
  if (!device().is_cpu()) {
    throw DeviceError(
        message("data() on a tensor on ", device(), ": copy it to the host with to(Device::cpu()) first"));
  }
}

ConstTensorView ConstTensorView::reshape(const Shape& shape) const {
  return {data_, {same_count(this->shape(), shape), dtype(), device()}};
}

TensorView TensorView::reshape(const Shape& shape) const {
  return {raw(), {same_count(this->shape(), shape), dtype(), device()}};
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  Tensor result;
  result.spec_ = {shape, dtype, device};
  result.buffer_ = Buffer(device, result.spec_.bytes());
  result.defined_ = true;
  return result;
}

Tensor Tensor::empty(const Shape& shape, DType dtype, ExecutionContext& ctx) {
  Tensor result;
  result.spec_ = {shape, dtype, ctx.device()};
  result.buffer_ = ctx.allocate(result.spec_.bytes());
  result.defined_ = true;
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor result = empty(shape, dtype, device);
  zero_bytes(result.buffer_.data(), device, result.spec_.bytes());
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  if (dtype == DType::i64 && !fits_int64(value))
    throw ArgumentError(message("value ", value, " does not fit i64"));
  Tensor result = empty(shape, dtype);
  visit_dtype(dtype, [&]<class T>(std::type_identity<T>) {
    std::ranges::fill(result.data<T>(), convert_element<T>(value));
  });
  return device.is_cpu() ? std::move(result) : result.to(device);
}

Tensor Tensor::copy_of(const void* values, std::size_t count, const TensorSpec& spec) {
  if (count != static_cast<std::uint64_t>(spec.shape.numel())) {
    throw ShapeError(message("shape ", spec.shape, " holds ", spec.shape.numel(), " elements, got ", count));
  }
  Tensor result = empty(spec.shape, spec.dtype, spec.device);
  copy_bytes(result.buffer_.data(), spec.device, values, Device::cpu(), spec.bytes());
  return result;
}

Tensor Tensor::clone() const {
  return to(device());
}

Tensor Tensor::to(Device device) const {
  if (!defined_) return {};
  Tensor result = empty(shape(), dtype(), device);
  copy(result, *this);
  return result;
}

Tensor Tensor::to(DType dtype) const {
  if (!defined_) return {};
  Tensor result = empty(shape(), dtype);
  convert(result, *this);
  return result;
}

Tensor Tensor::reshape(const Shape& shape) && {
  spec_.shape = same_count(spec_.shape, shape);
  return std::move(*this);
}

void check_copy(const TensorSpec& to, const TensorSpec& from) {
  if (to.shape != from.shape) throw ShapeError(message("cannot copy ", from.shape, " to ", to.shape));
  if (to.dtype != from.dtype) throw DTypeError(message("cannot copy ", from.dtype, " to ", to.dtype));
}

void copy(TensorView to, ConstTensorView from) {
  check_copy(to.spec(), from.spec());
  copy_bytes(to.raw(), to.device(), from.raw(), from.device(), from.spec().bytes());
}

void convert(TensorView to, ConstTensorView from) {
  if (to.shape() != from.shape())
    throw ShapeError(message("cannot convert ", from.shape(), " to ", to.shape()));
  if (!to.device().is_cpu() || !from.device().is_cpu()) {
    throw DeviceError(
        message("conversion to ", to.dtype(), " needs a CPU tensor: use to(Device::cpu()) first"));
  }
  if (to.dtype() == from.dtype()) return copy(to, from);
  visit_dtype(from.dtype(), [&]<class From>(std::type_identity<From>) {
    visit_dtype(to.dtype(), [&]<class To>(std::type_identity<To>) {
      std::ranges::transform(from.data<From>(), to.data<To>().begin(), convert_element<To, From>);
    });
  });
}

}  // namespace upconv
