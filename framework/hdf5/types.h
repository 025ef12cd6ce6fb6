#pragma once

#include <optional>
#include <string>

#include <upconv/framework/dtype.h>
#include <upconv/framework/hdf5/library.h>
#include <upconv/framework/tensor.h>

namespace upconv::hdf5 {

/// How the elements of a dataset lie in the file, and what they become. Elements are read as they are
/// stored and decoded here, so the library's own conversions, which guess at damaged types, never run.
struct StoredType {
  DType dtype = DType::f32;
  std::size_t bytes = 0;  ///< Of one element in the file.
  bool big_endian = false;
  bool is_signed = true;  ///< Of integers.
};

/// The type's name for people: "float32", "int64, big-endian", "compound of 2 fields", ...
std::string describe_type(hid_t type);

/// Recognises the element type of `object`, comparing it with every form that upconv accepts.
/// Throws: LoadError naming what was found and what to do.
StoredType classify_type(hid_t type, hid_t object);

/// The type that upconv and its exporter write `dtype` as: little-endian, bf16 as a 16-bit float of 8
/// exponent and 7 mantissa bits, which HDF5 2.0 made a standard type.
Handle file_type(DType dtype);

/// Decodes elements as they are stored (`raw`) into `values`, which may be the same memory if the sizes are
/// the same. Throws: LoadError on an unsigned integer beyond i64.
void decode(const StoredType& type, std::byte* raw, TensorView values);

/// The text of attribute `name`, or nothing if `object` has none. Throws: LoadError if it is no short text.
std::optional<std::string> read_text_attribute(hid_t object, const char* name);

/// Attribute of a dataset that says which torch.dtype its bits are, as "bfloat16".
inline constexpr char kDTypeAttribute[] = "torch_dtype";

}  // namespace upconv::hdf5
