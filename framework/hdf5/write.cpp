#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/file.h>
#include <upconv/framework/hdf5/filters.h>
#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/hdf5/lzf.h>
#include <upconv/framework/message.h>

namespace upconv {

namespace {

namespace fs = std::filesystem;
using namespace hdf5;

constexpr char kExporterVersionAttribute[] = "upconv_exporter_version";
constexpr char kExporterVersion[] = "1.0.0 (C++)";
constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;  // what the library caches of a dataset

void write_attribute(hid_t object, const char* name, hid_t type, const void* value) {
  const Handle space = checked(H5Screate(H5S_SCALAR), "make a shape");
  const Handle attribute =
      checked(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT), "make an attribute");
  check(H5Awrite(attribute.get(), type, value), "write an attribute");
}

/// Of variable length, as h5py writes a str: programs in Python then read one.
void write_text_attribute(hid_t object, const char* name, const char* text) {
  const Handle type = checked(H5Tcopy(H5T_C_S1), "make a type");
  check(H5Tset_size(type.get(), H5T_VARIABLE), "make a type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a type");
  write_attribute(object, name, type.get(), &text);
}

/// Chunks of about kChunkBytes: whole innermost dimensions, and as much of the next one as fits.
std::array<hsize_t, Shape::kMaxRank> chunk_sizes(const TensorSpec& spec) {
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  std::uint64_t bytes = size_of(spec.dtype);
  for (int i = spec.shape.rank() - 1; i >= 0; --i) {
    const auto size = static_cast<hsize_t>(spec.shape[i]);
    sizes[i] = std::clamp<hsize_t>(kChunkBytes / bytes, 1, size);
    bytes *= sizes[i];
  }
  return sizes;
}

Handle creation_properties(const TensorSpec& spec, const Hdf5WriteOptions& options) {
  Handle dcpl = checked(H5Pcreate(H5P_DATASET_CREATE), "make properties");
  check(H5Pset_obj_track_times(dcpl.get(), false), "make properties");  // equal weights, equal files
  const bool filtered = options.compression != Hdf5Compression::none || options.shuffle || options.fletcher32;
  if (!filtered || spec.shape.rank() == 0 || spec.shape.numel() == 0) return dcpl;

  check(H5Pset_chunk(dcpl.get(), spec.shape.rank(), chunk_sizes(spec).data()), "make properties");
  if (options.shuffle) check(H5Pset_shuffle(dcpl.get()), "set a filter");
  if (options.compression == Hdf5Compression::gzip)
    check(H5Pset_deflate(dcpl.get(), static_cast<unsigned>(options.gzip_level)), "set a filter");
  if (options.compression == Hdf5Compression::lzf)
    check(H5Pset_filter(dcpl.get(), kLzfFilter, H5Z_FLAG_OPTIONAL, 0, nullptr), "set a filter");
  if (options.fletcher32) check(H5Pset_fletcher32(dcpl.get()), "set a filter");
  return dcpl;
}

void write_entry(hid_t file, const std::string& name, const Tensor& tensor, const Hdf5WriteOptions& options) {
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  std::ranges::copy(tensor.shape(), sizes.begin());
  const Handle space =
      checked(tensor.shape().rank() == 0 ? H5Screate(H5S_SCALAR)
                                         : H5Screate_simple(tensor.shape().rank(), sizes.data(), nullptr),
              "make a shape");
  const Handle type = file_type(tensor.dtype());
  const Handle dcpl = creation_properties(tensor.spec(), options);
  const Handle lcpl = checked(H5Pcreate(H5P_LINK_CREATE), "make properties");
  check(H5Pset_char_encoding(lcpl.get(), H5T_CSET_UTF8), "make properties");
  const Handle dataset =
      checked(H5Dcreate2(file, name.c_str(), type.get(), space.get(), lcpl.get(), dcpl.get(), H5P_DEFAULT),
              "make a dataset");
  if (tensor.numel() > 0) {
    check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.view().raw()),
          "write a dataset");
  }
  if (tensor.dtype() == DType::bf16) write_text_attribute(dataset.get(), kDTypeAttribute, "bfloat16");
}

/// The bytes of the file. Not on the disk, because HDF5 1.10 can crash the process after a write that failed.
std::vector<std::byte> make_image(const StateDict& weights, const Hdf5WriteOptions& options) {
  std::optional<RegisteredFilter> lzf;  // before the file, so that nothing is open when it goes again
  if (options.compression == Hdf5Compression::lzf && H5Zfilter_avail(kLzfFilter) <= 0)
    lzf.emplace(lzf_description());
  const Handle fcpl = checked(H5Pcreate(H5P_FILE_CREATE), "make properties");
  check(H5Pset_link_creation_order(fcpl.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
        "make properties");
  check(H5Pset_obj_track_times(fcpl.get(), false), "make properties");
  const Handle fapl = checked(H5Pcreate(H5P_FILE_ACCESS), "make properties");
  check(H5Pset_fapl_core(fapl.get(), kChunkBytes, false), "make a file in memory");
  check(H5Pset_libver_bounds(fapl.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V110), "make properties");
  const Handle file =
      checked(H5Fcreate(".upconv-image", H5F_ACC_TRUNC, fcpl.get(), fapl.get()), "make a file in memory");
  const std::int64_t version = kFormatVersion;
  write_attribute(file.get(), kFormatVersionAttribute, H5T_STD_I64LE, &version);
  write_text_attribute(file.get(), kExporterVersionAttribute, kExporterVersion);
  for (const auto& [name, tensor] : weights) {
    try {
      write_entry(file.get(), name, tensor, options);
    } catch (const LoadError& error) {
      throw LoadError(message("dataset '", printable(name), "': ", error.what()));
    }
  }
  check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "flush the file");
  const ssize_t bytes = H5Fget_file_image(file.get(), nullptr, 0);
  if (bytes < 0) throw LoadError(take_errors());
  std::vector<std::byte> image(static_cast<std::size_t>(bytes));
  if (H5Fget_file_image(file.get(), image.data(), image.size()) < 0) throw LoadError(take_errors());
  return image;
}

/// A file beside `path` that takes its place in one step, or vanishes.
class Replacement {
 public:
  explicit Replacement(const fs::path& path) : path_(resolve(path)), temporary_(path_) {
    temporary_ += message(".tmp-", ::getpid(), '-', static_cast<const void*>(this));
    file_.reset(std::fopen(temporary_.c_str(), "wbx"));
    if (!file_) fail();
  }
  ~Replacement() {
    file_.reset();
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove(temporary_, ignored);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void commit(const std::vector<std::byte>& bytes) {
    std::FILE* file = file_.get();
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() &&
                         std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
    if (!written) fail();
    if (std::fclose(file_.release()) != 0) fail();
    std::error_code error;
    const fs::file_status old = fs::status(path_, error);
    if (fs::exists(old)) fs::permissions(temporary_, old.permissions(), error);
    fs::rename(temporary_, path_, error);
    if (error) throw LoadError(error.message());
    temporary_.clear();
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  /// Where a link leads, so that the link stays and its target is replaced.
  static fs::path resolve(const fs::path& path) {
    std::error_code error;
    const fs::path result = fs::weakly_canonical(path, error);
    return error ? path : result;
  }
  [[noreturn]] static void fail() { throw LoadError(std::strerror(errno)); }

  fs::path path_;
  fs::path temporary_;
  std::unique_ptr<std::FILE, Close> file_;
};

void check_options(const Hdf5WriteOptions& options) {
  if (options.gzip_level < 0 || options.gzip_level > 9)
    throw ArgumentError(message("gzip_level must be 0 to 9, got ", options.gzip_level));
}

void check_entry(const std::string& name, const Tensor& tensor) {
  std::string problem = name_problem(name, Hdf5ReadOptions{}.max_name_bytes);
  if (name.find('/') != std::string::npos) problem = "has a name with '/', which HDF5 reads as a group";
  if (name.find('\0') != std::string::npos) problem = "has a name with a NUL character";
  if (!problem.empty()) throw ArgumentError(message("cannot write '", printable(name), "': it ", problem));
  if (!tensor.device().is_cpu()) {
    throw DeviceError(message("cannot write '", printable(name), "': it is on ", tensor.device(),
                              ": copy it to the host with to(Device::cpu()) first"));
  }
}

}  // namespace

void write_hdf5(const fs::path& path, const StateDict& weights, const Hdf5WriteOptions& options) {
  check_options(options);
  for (const auto& [name, tensor] : weights)
    check_entry(name, tensor);
  const LibraryScope library;
  try {
    if (fs::is_directory(path)) throw LoadError("it is a directory");
    Replacement replacement(path);  // first, so that a folder that cannot be written to is told at once
    replacement.commit(make_image(weights, options));
  } catch (const LoadError& error) {
    throw LoadError(message("cannot write '", printable(path.string()), "': ", error.what()));
  }
}

}  // namespace upconv
