#pragma once

#include <type_traits>

#include <upconv/framework/dtype.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::kernels::cpu {

/// Calls `visitor(std::type_identity<T>{})` with the element type of a compute type and returns its result.
/// Throws: DTypeError for another type.
template <class Visitor>
decltype(auto) visit_compute_type(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::f32:
      return visitor(std::type_identity<float>{});
    case DType::f16:
      return visitor(std::type_identity<Float16>{});
    case DType::bf16:
      return visitor(std::type_identity<BFloat16>{});
    case DType::f64:
    case DType::i64:
      break;
  }
  throw DTypeError(message("kernels compute f32, f16 and bf16, not ", dtype));
}

}  // namespace upconv::kernels::cpu
