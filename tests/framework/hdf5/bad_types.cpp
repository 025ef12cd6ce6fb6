#include <array>

#include "bad_files.h"

namespace hdf5_bad_files {

using namespace hdf5_files;

namespace {

/// A file whose block.weight has this type, with zeros in it.
BadFile with_type(std::string name, std::function<Id()> type, std::string says) {
  const auto make = [type](const std::filesystem::path& path) {
    const Id file = file_with_bias(path);
    const Id element = type();
    const std::vector<char> zeros(6 * H5Tget_size(element));
    dataset(file, "block.weight", element, space_of({2, 3}), zeros.data());
  };
  const bool readable = says.find("expected floating-point") != std::string::npos;
  return {std::move(name), make, "block.weight", std::move(says), readable};
}

BadFile with_space(std::string name, Dims dims, std::string says, bool readable) {
  const auto make = [dims](const std::filesystem::path& path) {
    floats(file_with_bias(path), "block.weight", dims);
  };
  return {std::move(name), make, "block.weight", std::move(says), readable};
}

BadFile with_marker(std::string name, hid_t type, std::string marker, std::string says,
                    bool readable = false) {
  const auto make = [type, marker](const std::filesystem::path& path) {
    const Id file = file_with_bias(path);
    const std::array<std::uint16_t, 6> bits{};
    text_attribute(dataset(file, "block.weight", type, space_of({2, 3}), bits.data()), "torch_dtype", marker,
                   false);
  };
  return {std::move(name), make, "block.weight", std::move(says), readable};
}

Id fixed_string() {
  Id type = H5Tcopy(H5T_C_S1);
  ok(H5Tset_size(type, 4));
  return type;
}

Id compound() {
  Id type = H5Tcreate(H5T_COMPOUND, 8);
  ok(H5Tinsert(type, "r", 0, H5T_IEEE_F32LE));
  ok(H5Tinsert(type, "i", 4, H5T_IEEE_F32LE));
  return type;
}

Id opaque(std::size_t bytes) {
  Id type = H5Tcreate(H5T_OPAQUE, bytes);
  ok(H5Tset_tag(type, "NUMPY:V2"));
  return type;
}

Id enumeration() {
  Id type = H5Tenum_create(H5T_STD_I8LE);
  std::int8_t value = 0;
  ok(H5Tenum_insert(type, "RED", &value));
  return type;
}

Id float8() {
  Id type = H5Tcopy(H5T_IEEE_F32LE);
  ok(H5Tset_fields(type, 7, 3, 4, 0, 3));
  ok(H5Tset_precision(type, 8));
  ok(H5Tset_size(type, 1));
  ok(H5Tset_ebias(type, 7));
  return type;
}

Id twelve_bits() {
  Id type = H5Tcopy(H5T_STD_I16LE);
  ok(H5Tset_precision(type, 12));
  return type;
}

void make_variable(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const Id type = H5Tcopy(H5T_C_S1);
  ok(H5Tset_size(type, H5T_VARIABLE));
  const std::vector<const char*> texts(6, "text");
  dataset(file, "block.weight", type, space_of({2, 3}), texts.data());
}

void make_sequences(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const Id type = H5Tvlen_create(H5T_NATIVE_FLOAT);
  float value = 1.0f;
  const std::vector<hvl_t> rows(6, hvl_t{1, &value});
  dataset(file, "block.weight", type, space_of({2, 3}), rows.data());
}

void make_references(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  std::array<hobj_ref_t, 6> references{};
  for (hobj_ref_t& reference : references)
    ok(H5Rcreate(&reference, file, "block.bias", H5R_OBJECT, -1));
  dataset(file, "block.weight", H5T_STD_REF_OBJ, space_of({2, 3}), references.data());
}

void make_arrays(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const hsize_t three = 3;
  const Id type = H5Tarray_create2(H5T_IEEE_F32LE, 1, &three);
  const std::array<float, 6> zeros{};
  dataset(file, "block.weight", type, space_of({2}), zeros.data());
}

void make_null(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  dataset(file, "block.weight", H5T_IEEE_F32LE, H5Screate(H5S_NULL));
}

void make_named_type(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const Id type = H5Tcopy(H5T_IEEE_F32LE);
  ok(H5Tcommit2(file, "block.weight", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

void make_marker_of_numbers(const std::filesystem::path& path) {
  const Id file = file_with_bias(path);
  const std::array<std::uint16_t, 6> bits{};
  const Id set = dataset(file, "block.weight", H5T_STD_U16LE, space_of({2, 3}), bits.data());
  const Id space = space_of({});
  const Id marker = H5Acreate2(set, "torch_dtype", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
}

}  // namespace

std::vector<BadFile> bad_types() {
  return {
      with_type("FixedString", fixed_string,
                "is stored as a string of 4 bytes, which upconv has no type for"),
      {"VariableString", make_variable, "block.weight", "is stored as a variable-length string"},
      with_type("Compound", compound, "is stored as a compound of 2 fields (complex numbers)"),
      with_type(
          "Opaque", [] { return opaque(3); }, "is stored as 3-byte opaque 'NUMPY:V2'"),
      with_type(
          "OpaqueBfloat16Unmarked", [] { return opaque(2); },
          "which may hide bfloat16 bits: give the dataset the attribute torch_dtype = \"bfloat16\""),
      with_type("Enumeration", enumeration, "is stored as an enumeration of 1 names"),
      with_type("Float8", float8, "is stored as a float of 8 bits of an unknown layout"),
      with_type("TwelveBitInteger", twelve_bits, "is stored as an integer of 16 bits of an unknown layout"),
      with_type(
          "WideBitfield", [] { return Id(H5Tcopy(H5T_STD_B32LE)); }, "is stored as 32-bit bitfield"),
      {"References", make_references, "block.weight", "is stored as references to other objects"},
      {"VariableSequences", make_sequences, "block.weight", "is stored as variable-length sequences"},
      {"ArrayElements", make_arrays, "block.weight", "is stored as arrays inside each element"},
      {"NullDataspace", make_null, "block.weight", "has no values at all (a null dataspace, h5py.Empty)"},
      {"NamedDatatype", make_named_type, "block.weight",
       "is a named datatype, neither a dataset nor a group"},
      with_type(
          "Uint16Unmarked", [] { return Id(H5Tcopy(H5T_STD_U16LE)); },
          "is stored as uint16, which may hide bfloat16 bits"),
      with_marker("Uint16MarkedFloat32", H5T_STD_U16LE, "float32",
                  "is stored as uint16 with the attribute torch_dtype = 'float32'"),
      with_marker("Uint16MarkedUint16", H5T_STD_U16LE, "uint16",
                  "block.weight expected floating-point values, got i64", true),
      {"MarkerIsNoText", make_marker_of_numbers, "block.weight",
       "has an attribute torch_dtype that is not one text"},
      with_type(
          "IntegerWeights", [] { return Id(H5Tcopy(H5T_STD_I32LE)); },
          "block.weight expected floating-point values, got i64"),
      with_space("WrongRank", {6}, "block.weight expected [2,3], got [6]", true),
      with_space("WrongShape", {3, 2}, "block.weight expected [2,3], got [3,2]", true),
      with_space("Scalar", {}, "block.weight expected [2,3], got []", true),
      with_space("Empty", {2, 0}, "block.weight expected [2,3], got [2,0]", true),
      with_space("RankNine", {1, 1, 1, 1, 1, 1, 1, 2, 3}, "has 9 dimensions, at most 8 are allowed", false),
  };
}

}  // namespace hdf5_bad_files
