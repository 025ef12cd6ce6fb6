#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <type_traits>

#include <upconv/framework/float16.h>

namespace upconv {

/// Element type of a tensor. Layers compute on f32, f16 and bf16; f64 and i64 are carried as data
/// (`num_batches_tracked`, checkpoints in double) and converted with `Tensor::to`.
enum class DType : std::uint8_t { f32, f16, bf16, f64, i64 };

/// Bytes of one element. Throws: DTypeError if `dtype` is none of the enumerators.
std::size_t size_of(DType dtype);
/// Short name as it stands in problem strings: "f32", "bf16", ...
std::string_view name_of(DType dtype);
/// Writes `name_of(dtype)`.
std::ostream& operator<<(std::ostream& out, DType dtype);

/// True for the types that layers compute on: f32, f16, bf16.
constexpr bool is_compute_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return true;
    case DType::f64:
    case DType::i64:
      break;
  }
  return false;
}
/// True for every floating-point type, f64 included.
constexpr bool is_floating(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::f64:
      return true;
    case DType::i64:
      break;
  }
  return false;
}

/// C++ types that a tensor can hold.
template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, Float16> || std::same_as<T, BFloat16> ||
    std::same_as<T, double> || std::same_as<T, std::int64_t>;

/// The DType whose storage is `T`.
template <Element T>
constexpr DType dtype_of() {
  if constexpr (std::same_as<T, float>) return DType::f32;
  if constexpr (std::same_as<T, Float16>) return DType::f16;
  if constexpr (std::same_as<T, BFloat16>) return DType::bf16;
  if constexpr (std::same_as<T, double>) return DType::f64;
  if constexpr (std::same_as<T, std::int64_t>) return DType::i64;
}

/// Throws the DTypeError that says that `dtype` is none of the enumerators.
[[noreturn]] void throw_invalid(DType dtype);

/// Calls `visitor(std::type_identity<T>{})` with the element type that `dtype` names, and returns its result.
/// Throws: DTypeError if `dtype` is none of the enumerators.
template <class Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::f32:
      return visitor(std::type_identity<float>{});
    case DType::f16:
      return visitor(std::type_identity<Float16>{});
    case DType::bf16:
      return visitor(std::type_identity<BFloat16>{});
    case DType::f64:
      return visitor(std::type_identity<double>{});
    case DType::i64:
      return visitor(std::type_identity<std::int64_t>{});
  }
  throw_invalid(dtype);
}

}  // namespace upconv
