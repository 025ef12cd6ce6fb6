#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/file.h>
#include <upconv/framework/message.h>

namespace upconv::hdf5 {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 256;
using Head = std::array<char, kHeadBytes>;

/// Throws: LoadError unless `path` is a file with something in it that this process may read.
Head read_head(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) throw LoadError("there is no such file");
  if (error) throw LoadError(error.message());
  if (fs::is_directory(status)) throw LoadError("it is a directory");
  if (!fs::is_regular_file(status)) throw LoadError("it is not a regular file");

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw LoadError(errno == 0 ? "it cannot be opened" : std::strerror(errno));
  Head head{};
  file.read(head.data(), head.size());
  if (file.gcount() == 0) throw LoadError("the file is empty");
  return head;
}

/// HDF5 allows its signature at the start, and behind a block of the user's of 512, 1024, ... bytes.
bool has_signature(const fs::path& path, std::uint64_t bytes) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::ifstream file(path, std::ios::binary);
  std::array<char, kSignature.size()> found{};
  for (std::uint64_t offset = 0; offset + found.size() <= bytes; offset = offset == 0 ? 512 : 2 * offset) {
    file.seekg(static_cast<std::streamoff>(offset));
    if (!file.read(found.data(), found.size())) return false;
    if (std::string_view(found.data(), found.size()) == kSignature) return true;
  }
  return false;
}

/// Name of the first entry of a zip archive; empty if the archive begins otherwise.
std::string_view first_zip_entry(std::string_view start) {
  constexpr std::size_t kLengthAt = 26, kNameAt = 30;
  const std::size_t length = static_cast<unsigned char>(start[kLengthAt]);
  return start[kLengthAt + 1] == 0 ? start.substr(kNameAt, length) : std::string_view();
}

std::string what_it_is(const Head& head) {
  const std::string_view start(head.data(), head.size());
  constexpr std::string_view kExport = ": convert it with tools/export_hdf5.py";
  const std::string_view text = start.substr(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  if (start.starts_with("PK\x03\x04") && first_zip_entry(start).ends_with(".npy"))
    return "it looks like a NumPy archive (.npz): write its arrays with h5py, as docs/hdf5_format.md shows";
  if (start.starts_with("PK\x03\x04")) return message("it looks like a PyTorch checkpoint", kExport);
  if (start.starts_with("\x80\x02")) return message("it looks like an old PyTorch checkpoint", kExport);
  if (start.starts_with("\x93NUMPY"))
    return "it looks like a NumPy array: write it with h5py, as docs/hdf5_format.md shows";
  if (start[8] == '{') return message("it looks like a safetensors file", kExport);
  if (start.starts_with("version https://git-lfs"))
    return "it is a Git LFS pointer, not the weights: fetch them with `git lfs pull`";
  if (text.starts_with("<!") || text.starts_with("<html") || text.starts_with("<HTML"))
    return "it is a web page, not the weights: download the file itself";
  if (start[0] == '\x08' && start[2] == '\x12')
    return "it looks like an ONNX model: export the PyTorch model that it was made from, with "
           "tools/export_hdf5.py";
  return "its signature is missing";
}

std::string explain_open_failure(const std::string& errors) {
  const auto says = [&](std::string_view text) { return errors.find(text) != std::string::npos; };
  if (says("unable to lock file") || says("unable to lock the file")) {
    return message(
        "another program is writing it, or its file system cannot lock (network and read-only ones often "
        "cannot): wait for the writer, or turn locking off with Hdf5ReadOptions::file_locking or the "
        "environment variable HDF5_USE_FILE_LOCKING=FALSE (",
        errors, ')');
  }
  if (says("already open for")) {
    return message(
        "another program is writing it, or was stopped while it did: wait for it, or, if it is gone, clear "
        "the mark with `h5clear -s` (",
        errors, ')');
  }
  if (says("truncated file")) return message("the file is truncated: copy it again (", errors, ')');
  const std::string newer = explain_newer(errors);
  if (!newer.empty()) return message("it ", newer, ", if it is not damaged");
  return message("the file is damaged: ", errors);
}

/// Throws: LoadError if a newer upconv wrote the file, in a form that this one may misread.
void check_format_version(hid_t file) {
  const htri_t present = H5Aexists(file, kFormatVersionAttribute);
  check(present < 0 ? -1 : 0, "look for the file's attributes");
  if (present == 0) return;  // any other program's file
  const Handle attribute = checked(H5Aopen(file, kFormatVersionAttribute, H5P_DEFAULT), "open an attribute");
  const Handle type = checked(H5Aget_type(attribute.get()), "read an attribute's type");
  const Handle space = checked(H5Aget_space(attribute.get()), "read an attribute's shape");
  if (H5Tget_class(type.get()) != H5T_INTEGER || H5Sget_simple_extent_npoints(space.get()) != 1)
    throw LoadError(message("its attribute ", kFormatVersionAttribute, " is not one integer"));
  long long version = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_LLONG, &version), "read an attribute");
  if (version != kFormatVersion) {
    throw LoadError(message("it has format version ", version, ", this upconv reads ", kFormatVersion,
                            ": use the upconv that matches the exporter"));
  }
}

}  // namespace

InputFile open_input(const fs::path& path, bool file_locking) {
  const Head head = read_head(path);
  InputFile file;
  std::error_code error;
  file.bytes = fs::file_size(path, error);
  if (error) throw LoadError(error.message());
  if (!has_signature(path, file.bytes)) throw LoadError("not an HDF5 file: " + what_it_is(head));

  const Handle fapl = checked(H5Pcreate(H5P_FILE_ACCESS), "make properties");
#if H5_VERSION_GE(1, 10, 7)
  if (!file_locking) check(H5Pset_file_locking(fapl.get(), false, true), "turn file locking off");
#else
  if (!file_locking) throw LoadError("file locking cannot be turned off before HDF5 1.10.7");
#endif
  file.handle = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, fapl.get()));
  if (!file.handle) throw LoadError(explain_open_failure(take_errors()));
  H5F_info2_t info;
  check(H5Fget_info2(file.handle.get(), &info), "read the file's version");
  constexpr unsigned kFirstWithChecksums = 2;
  file.checks_metadata = info.super.version >= kFirstWithChecksums;
  check_format_version(file.handle.get());
  return file;
}

}  // namespace upconv::hdf5
