#include <ostream>

#include <upconv/framework/dtype.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv {

std::size_t size_of(DType dtype) {
  return visit_dtype(dtype, []<class T>(std::type_identity<T>) { return sizeof(T); });
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::f64:
      return "f64";
    case DType::i64:
      return "i64";
  }
  return "invalid";
}

void throw_invalid(DType dtype) {
  throw DTypeError(message("DType(", static_cast<int>(dtype),
                           ") is no element type: use one of the enumerators, DType::f32 ..."));
}

std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << name_of(dtype);
}

}  // namespace upconv
