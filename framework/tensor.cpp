#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>

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

void check_defined(const char* call, bool defined) {
  if (!defined) {
    throw ArgumentError(
        message(call,
                " on an undefined tensor: it was default-constructed or moved from; give it a value "
                "first, such as Tensor::empty(shape)"));
  }
}

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

ConstTensorView::ConstTensorView(const void* data, const TensorSpec& spec)
    : data_(data), spec_(spec), defined_(true) {
  if (spec.shape.numel() == 0) return;
  if (data == nullptr) throw ArgumentError(message("a view of ", spec, " needs memory, got a null pointer"));
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(spec.dtype) != 0) {
    throw ArgumentError(message("a view of ", spec, " needs memory aligned to its elements of ",
                                size_of(spec.dtype), " bytes, got ", data));
  }
}

void ConstTensorView::check_access(DType requested) const {
  check_defined("data()", defined_);
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
  check_defined("reshape", defined_);
  return {data_, {same_count(this->shape(), shape), dtype(), device()}};
}

TensorView TensorView::reshape(const Shape& shape) const {
  check_defined("reshape", defined_);
  return {raw(), {same_count(this->shape(), shape), dtype(), device()}};
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  const TensorSpec spec{shape, dtype, device};
  return {Buffer(device, spec.bytes()), spec};
}

Tensor Tensor::empty(const Shape& shape, DType dtype, ExecutionContext& ctx) {
  const TensorSpec spec{shape, dtype, ctx.device()};
  return {ctx.allocate(spec.bytes()), spec};
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor result = empty(shape, dtype, device);
  zero_bytes(result.buffer_.data(), device, result.spec().bytes());
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  if (dtype == DType::i64 && !fits_int64(value))
    throw ArgumentError(message("value ", value, " does not fit i64"));
  Tensor result = empty(shape, dtype);
  visit_dtype(dtype, [&]<class T>(std::type_identity<T>) {
    std::ranges::fill(result.data<T>(), convert_element<T>(value));
  });
  return std::move(result).to(device);
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

Tensor Tensor::to(Device device) const& {
  if (!defined()) return {};
  Tensor result = empty(shape(), dtype(), device);
  copy(result, *this);
  return result;
}

Tensor Tensor::to(Device device) && {
  return device == this->device() ? std::move(*this) : std::as_const(*this).to(device);
}

Tensor Tensor::to(DType dtype) const& {
  if (!defined()) return {};
  Tensor result = empty(shape(), dtype);
  convert(result, *this);
  return result;
}

Tensor Tensor::to(DType dtype) && {
  return dtype == this->dtype() ? std::move(*this) : std::as_const(*this).to(dtype);
}

Tensor Tensor::reshape(const Shape& shape) && {
  check_defined("reshape", defined());
  spec_.get().shape = same_count(this->shape(), shape);
  return std::move(*this);
}

bool overlap(ConstTensorView a, ConstTensorView b) {
  if (!a.defined() || !b.defined() || a.device() != b.device() || a.numel() == 0 || b.numel() == 0)
    return false;
  const auto* a_begin = static_cast<const std::byte*>(a.raw());
  const auto* b_begin = static_cast<const std::byte*>(b.raw());
  return std::less<>{}(a_begin, b_begin + b.spec().bytes()) &&
         std::less<>{}(b_begin, a_begin + a.spec().bytes());
}

void check_copy(ConstTensorView to, ConstTensorView from) {
  check_defined("copy", to.defined() && from.defined());
  if (to.shape() != from.shape()) throw ShapeError(message("cannot copy ", from.shape(), " to ", to.shape()));
  if (to.dtype() != from.dtype()) {
    throw DTypeError(message("cannot copy ", from.dtype(), " to ", to.dtype(),
                             ": convert it first, with to(DType::", to.dtype(), ')'));
  }
  if (overlap(to, from) && to.raw() != from.raw())
    throw ArgumentError(
        message("cannot copy ", from.shape(), " onto memory that overlaps it: copy through a clone()"));
}

void copy(TensorView to, ConstTensorView from) {
  check_copy(to, from);
  if (overlap(to, from)) return;  // one tensor
  copy_bytes(to.raw(), to.device(), from.raw(), from.device(), from.spec().bytes());
}

void convert(TensorView to, ConstTensorView from) {
  check_defined("convert", to.defined() && from.defined());
  if (to.shape() != from.shape())
    throw ShapeError(message("cannot convert ", from.shape(), " to ", to.shape()));
  if (!to.device().is_cpu() || !from.device().is_cpu()) {
    throw DeviceError(
        message("conversion to ", to.dtype(), " needs a CPU tensor: use to(Device::cpu()) first"));
  }
  if (to.dtype() == from.dtype()) return copy(to, from);
  if (overlap(to, from))
    throw ArgumentError(
        message("cannot convert ", from.shape(), " onto memory that overlaps it: use to(DType)"));
  visit_dtype(from.dtype(), [&]<class From>(std::type_identity<From>) {
    visit_dtype(to.dtype(), [&]<class To>(std::type_identity<To>) {
      std::ranges::transform(from.data<From>(), to.data<To>().begin(), convert_element<To, From>);
    });
  });
}

}  // namespace upconv
