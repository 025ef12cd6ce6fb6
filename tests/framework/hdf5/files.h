#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <hdf5.h>
#include <unistd.h>

/// HDF5 files made by hand, good and bad, for the tests of the reader.
namespace hdf5_files {

/// Divides the size of the longest tests: the HDF5 library allocates so much that a sanitizer makes them
/// crawl.
extern const int kSlowdown;

/// An empty directory for one test, removed with it. Others may enter it, for tests that change the user.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "upconv-hdf5-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// An HDF5 object; the library's own calls must succeed here.
class Id {
 public:
  Id(hid_t id = H5I_INVALID_HID) : id_(id) {
    if (id < 0) throw std::runtime_error("HDF5 refused to make a test file");
  }
  ~Id() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
};

inline void ok(herr_t status) {
  if (status < 0) throw std::runtime_error("HDF5 refused to make a test file");
}

using Dims = std::vector<hsize_t>;

inline Id space_of(const Dims& dims) {
  return dims.empty() ? H5Screate(H5S_SCALAR)
                      : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
}

inline Id create_file(const std::filesystem::path& path) {
  return H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

inline Id open_to_write(const std::filesystem::path& path) {
  return H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
}

inline Id chunked(const Dims& chunk) {
  Id dcpl = H5Pcreate(H5P_DATASET_CREATE);
  ok(H5Pset_chunk(dcpl, static_cast<int>(chunk.size()), chunk.data()));
  return dcpl;
}

/// Makes a dataset; writes `data` of `memory_type` unless it is null.
inline Id dataset(hid_t parent, const std::string& name, hid_t type, hid_t space, const void* data = nullptr,
                  hid_t memory_type = H5I_INVALID_HID, hid_t dcpl = H5P_DEFAULT) {
  Id result = H5Dcreate2(parent, name.c_str(), type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
  if (data != nullptr)
    ok(H5Dwrite(result, memory_type < 0 ? type : memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
  return result;
}

/// A dataset of floats first, first + 1, ...
inline Id floats(hid_t parent, const std::string& name, const Dims& dims, float first = 0.0f,
                 hid_t dcpl = H5P_DEFAULT) {
  std::size_t count = 1;
  for (const hsize_t size : dims)
    count *= size;
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = first + static_cast<float>(i);
  return dataset(parent, name, H5T_IEEE_F32LE, space_of(dims), values.data(), H5T_NATIVE_FLOAT, dcpl);
}

inline Id group(hid_t parent, const std::string& name) {
  return H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

/// A text attribute, of variable length as h5py writes it, or fixed.
inline void text_attribute(hid_t object, const char* name, const std::string& text, bool variable = true) {
  const Id type = H5Tcopy(H5T_C_S1);
  ok(H5Tset_size(type, variable ? H5T_VARIABLE : text.size()));
  ok(H5Tset_cset(type, variable ? H5T_CSET_UTF8 : H5T_CSET_ASCII));
  const Id space = H5Screate(H5S_SCALAR);
  const Id attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const char* pointer = text.c_str();
  ok(H5Awrite(attribute, type, variable ? static_cast<const void*>(&pointer) : pointer));
}

/// Any 16-bit float, from the widths of its fields.
inline Id half_type(std::size_t exponent_bits, std::size_t mantissa_bits, std::size_t bias, bool big_endian) {
  Id type = H5Tcopy(big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
  ok(H5Tset_fields(type, 15, mantissa_bits, exponent_bits, 0, mantissa_bits));
  ok(H5Tset_ebias(type, bias));
  ok(H5Tset_precision(type, 16));
  ok(H5Tset_size(type, 2));
  return type;
}

/// Where the first chunk of a dataset lies in its file.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

inline Extent first_chunk(hid_t dataset_id) {
  ok(H5Dflush(dataset_id));
  const Id space = H5Dget_space(dataset_id);
  hsize_t offset[H5S_MAX_RANK];
  unsigned mask = 0;
  haddr_t address = 0;
  hsize_t bytes = 0;
  ok(H5Dget_chunk_info(dataset_id, space, 0, offset, &mask, &address, &bytes));
  return {address, bytes};
}

std::vector<char> read_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, std::span<const char> bytes);
/// Inverts every bit of one byte.
void flip_byte(const std::filesystem::path& path, std::uint64_t offset);

}  // namespace hdf5_files
