#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/types.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv::hdf5 {

static_assert(std::endian::native == std::endian::little, "decode() takes the host to be little-endian");

namespace {

/// Widths of an IEEE-like float, as H5Tset_fields wants them.
struct FloatLayout {
  std::size_t bytes;
  std::size_t exponent_bits;
  std::size_t mantissa_bits;
};

constexpr FloatLayout layout_of(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return {2, 5, 10};
    case DType::bf16:
      return {2, 8, 7};
    case DType::f64:
      return {8, 11, 52};
    default:
      return {4, 8, 23};
  }
}

Handle float_type(DType dtype, bool big_endian) {
  const FloatLayout layout = layout_of(dtype);
  Handle type = checked(H5Tcopy(big_endian ? H5T_IEEE_F64BE : H5T_IEEE_F64LE), "make a type");
  const std::size_t bits = 8 * layout.bytes;
  check(H5Tset_fields(type.get(), bits - 1, layout.mantissa_bits, layout.exponent_bits, 0,
                      layout.mantissa_bits),
        "make a type");
  check(H5Tset_ebias(type.get(), (std::size_t{1} << (layout.exponent_bits - 1)) - 1), "make a type");
  check(H5Tset_precision(type.get(), bits), "make a type");
  check(H5Tset_size(type.get(), layout.bytes), "make a type");
  return type;
}

struct IntegerForm {
  hid_t little;
  hid_t big;
  std::size_t bytes;
  bool is_signed;
};

// A function, since the library fills in its types when it starts.
std::array<IntegerForm, 9> integer_forms() {
  return {{{H5T_STD_I8LE, H5T_STD_I8BE, 1, true},
           {H5T_STD_I16LE, H5T_STD_I16BE, 2, true},
           {H5T_STD_I32LE, H5T_STD_I32BE, 4, true},
           {H5T_STD_I64LE, H5T_STD_I64BE, 8, true},
           {H5T_STD_U8LE, H5T_STD_U8BE, 1, false},
           {H5T_STD_U16LE, H5T_STD_U16BE, 2, false},
           {H5T_STD_U32LE, H5T_STD_U32BE, 4, false},
           {H5T_STD_U64LE, H5T_STD_U64BE, 8, false},
           {H5T_STD_B8LE, H5T_STD_B8BE, 1, false}}};
}

bool equal(hid_t a, hid_t b) {
  return H5Tequal(a, b) > 0;
}

std::optional<StoredType> as_integer(hid_t type) {
  for (const IntegerForm& form : integer_forms()) {
    if (equal(type, form.little)) return StoredType{DType::i64, form.bytes, false, form.is_signed};
    if (equal(type, form.big)) return StoredType{DType::i64, form.bytes, true, form.is_signed};
  }
  return std::nullopt;
}

std::optional<StoredType> as_float(hid_t type) {
  if (H5Tget_class(type) != H5T_FLOAT) return std::nullopt;
  if (equal(type, H5T_IEEE_F32LE)) return StoredType{DType::f32, 4, false, true};  // nearly always, and cheap
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    for (const bool big_endian : {false, true}) {
      if (equal(type, float_type(dtype, big_endian).get()))
        return StoredType{dtype, size_of(dtype), big_endian, true};
    }
  }
  return std::nullopt;
}

std::string member_name(hid_t type, unsigned index) {
  char* name = H5Tget_member_name(type, index);
  if (name == nullptr) return {};
  std::string result = name;
  H5free_memory(name);
  return result;
}

/// h5py's bool: an enumeration of one byte with FALSE = 0 and TRUE = 1.
std::optional<StoredType> as_bool(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2)
    return std::nullopt;
  for (unsigned i = 0; i < 2; ++i) {
    unsigned char value = 0xff;
    if (H5Tget_member_value(type, i, &value) < 0) return std::nullopt;
    if (member_name(type, i) != (value == 0 ? "FALSE" : "TRUE") || value > 1) return std::nullopt;
  }
  return StoredType{DType::i64, 1, false, false};
}

std::string order_suffix(hid_t type) {
  return H5Tget_size(type) > 1 && H5Tget_order(type) == H5T_ORDER_BE ? ", big-endian" : "";
}

std::string describe_float(hid_t type) {
  const std::optional<StoredType> known = as_float(type);
  const std::size_t bits = 8 * H5Tget_size(type);
  if (!known) return message("a float of ", bits, " bits of an unknown layout");
  const char* name = known->dtype == DType::bf16 ? "bfloat" : "float";
  return message(name, bits, order_suffix(type));
}

std::string describe_integer(hid_t type) {
  const std::size_t bits = 8 * H5Tget_size(type);
  if (!as_integer(type)) return message("an integer of ", bits, " bits of an unknown layout");
  return message(H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int", bits, order_suffix(type));
}

std::string describe_opaque(hid_t type) {
  char* tag = H5Tget_tag(type);
  std::string text = message(H5Tget_size(type), "-byte opaque");
  if (tag != nullptr && *tag != '\0') text += message(" '", printable(tag), '\'');
  H5free_memory(tag);
  return text;
}

/// bfloat16 bits in a type that does not say so, if the marker attribute does.
StoredType classify_marked(hid_t type, hid_t object) {
  const std::optional<std::string> marker = read_text_attribute(object, kDTypeAttribute);
  const bool is_bfloat16 = marker == "bfloat16" || marker == "torch.bfloat16";
  const bool is_opaque = H5Tget_class(type) == H5T_OPAQUE;
  if (is_bfloat16) return {DType::bf16, 2, !is_opaque && H5Tget_order(type) == H5T_ORDER_BE, true};
  if (!is_opaque && (marker == "uint16" || marker == "torch.uint16")) return *as_integer(type);
  throw LoadError(message(
      "is stored as ", describe_type(type),
      marker ? message(" with the attribute ", kDTypeAttribute, " = '", printable(*marker), '\'') : "",
      ", which may hide bfloat16 bits: give the dataset the attribute ", kDTypeAttribute,
      is_opaque ? " = \"bfloat16\" if that is so"
                : " = \"bfloat16\", or \"uint16\" if it holds plain integers"));
}

template <class T>
T swap_bytes(T value) {
  auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
  std::ranges::reverse(bytes);
  return std::bit_cast<T>(bytes);
}

template <class T>
void swap_all(std::byte* raw, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, raw + i * sizeof(T), sizeof(T));
    value = swap_bytes(value);
    std::memcpy(raw + i * sizeof(T), &value, sizeof(T));
  }
}

template <class From>
void widen(const std::byte* raw, std::span<std::int64_t> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, raw + i * sizeof(From), sizeof(From));
    if constexpr (sizeof(From) == 8) {
      if (value > static_cast<From>(std::numeric_limits<std::int64_t>::max()))
        throw LoadError(message("holds ", value, ", which does not fit i64"));
    }
    values[i] = static_cast<std::int64_t>(value);
  }
}

}  // namespace

std::string describe_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return describe_integer(type);
    case H5T_FLOAT:
      return describe_float(type);
    case H5T_BITFIELD:
      return as_integer(type) ? "8-bit bitfield" : message(8 * H5Tget_size(type), "-bit bitfield");
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0 ? "a variable-length string"
                                          : message("a string of ", H5Tget_size(type), " bytes");
    case H5T_COMPOUND: {
      const int fields = H5Tget_nmembers(type);
      const bool complex =
          fields == 2 && member_name(type, 0).starts_with('r') && member_name(type, 1).starts_with('i');
      return message("a compound of ", fields, " fields", complex ? " (complex numbers)" : "");
    }
    case H5T_ENUM:
      return as_bool(type) ? "bool" : message("an enumeration of ", H5Tget_nmembers(type), " names");
    case H5T_OPAQUE:
      return describe_opaque(type);
    case H5T_REFERENCE:
      return "references to other objects";
    case H5T_VLEN:
      return "variable-length sequences";
    case H5T_ARRAY:
      return "arrays inside each element";
    case H5T_TIME:
      return "times";
    default:
      return message("a type of class ", static_cast<int>(H5Tget_class(type)), ", unknown to upconv");
  }
}

StoredType classify_type(hid_t type, hid_t object) {
  const bool hides_bits = equal(type, H5T_STD_U16LE) || equal(type, H5T_STD_U16BE) ||
                          (H5Tget_class(type) == H5T_OPAQUE && H5Tget_size(type) == 2);
  if (hides_bits) return classify_marked(type, object);
  if (const auto result = as_float(type)) return *result;
  if (const auto result = as_integer(type)) return *result;
  if (const auto result = as_bool(type)) return *result;
  throw LoadError(message("is stored as ", describe_type(type),
                          ", which upconv has no type for: store float16, bfloat16, float32, float64, bool "
                          "or integers"));
}

Handle file_type(DType dtype) {
  return dtype == DType::i64 ? checked(H5Tcopy(H5T_STD_I64LE), "make a type") : float_type(dtype, false);
}

void decode(const StoredType& type, std::byte* raw, TensorView values) {
  const auto count = static_cast<std::size_t>(values.numel());
  if (type.big_endian && type.bytes == 2) swap_all<std::uint16_t>(raw, count);
  if (type.big_endian && type.bytes == 4) swap_all<std::uint32_t>(raw, count);
  if (type.big_endian && type.bytes == 8) swap_all<std::uint64_t>(raw, count);
  if (is_floating(type.dtype) || (type.is_signed && type.bytes == 8)) {
    if (raw != values.raw() && count > 0) std::memcpy(values.raw(), raw, count * type.bytes);
    return;
  }
  const std::span<std::int64_t> out = values.data<std::int64_t>();
  switch (type.bytes) {
    case 1:
      return type.is_signed ? widen<std::int8_t>(raw, out) : widen<std::uint8_t>(raw, out);
    case 2:
      return type.is_signed ? widen<std::int16_t>(raw, out) : widen<std::uint16_t>(raw, out);
    case 4:
      return type.is_signed ? widen<std::int32_t>(raw, out) : widen<std::uint32_t>(raw, out);
    default:
      return widen<std::uint64_t>(raw, out);
  }
}

std::optional<std::string> read_text_attribute(hid_t object, const char* name) {
  constexpr std::size_t kLongest = 256;
  const htri_t present = H5Aexists(object, name);
  check(present < 0 ? -1 : 0, "look for attributes");
  if (present == 0) return std::nullopt;
  const Handle attribute = checked(H5Aopen(object, name, H5P_DEFAULT), "open an attribute");
  const Handle type = checked(H5Aget_type(attribute.get()), "read an attribute's type");
  const Handle space = checked(H5Aget_space(attribute.get()), "read an attribute's shape");
  const bool is_text = H5Tget_class(type.get()) == H5T_STRING;
  if (!is_text || H5Sget_simple_extent_npoints(space.get()) != 1)
    throw LoadError(message("has an attribute ", name, " that is not one text"));

  const Handle memory_type = checked(H5Tcopy(H5T_C_S1), "make a type");
  check(H5Tset_cset(memory_type.get(), H5Tget_cset(type.get())), "make a type");
  if (H5Tis_variable_str(type.get()) > 0) {
    check(H5Tset_size(memory_type.get(), H5T_VARIABLE), "make a type");
    char* text = nullptr;
    check(H5Aread(attribute.get(), memory_type.get(), &text), "read an attribute");
    std::string result = text == nullptr ? "" : std::string(text, strnlen(text, kLongest));
    H5free_memory(text);
    return result;
  }
  const std::size_t bytes = H5Tget_size(type.get());
  if (bytes > kLongest) throw LoadError(message("has an attribute ", name, " of ", bytes, " bytes"));
  check(H5Tset_size(memory_type.get(), bytes + 1), "make a type");
  std::vector<char> text(bytes + 2);
  check(H5Aread(attribute.get(), memory_type.get(), text.data()), "read an attribute");
  return std::string(text.data());
}

}  // namespace upconv::hdf5
