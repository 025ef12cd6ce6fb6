#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/library.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv::hdf5 {

namespace {

/// The library's own state is the process's, so the lock over it is too: not every build of it has one.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

herr_t collect_error(unsigned, const H5E_error2_t* error, void* texts) {
  constexpr std::size_t kMostErrors = 32;
  auto& list = *static_cast<std::vector<std::string>*>(texts);
  try {
    std::string text = printable(without_addresses(error->desc == nullptr ? "" : error->desc));
    const bool known = std::ranges::find(list, text) != list.end();
    if (!text.empty() && !known && list.size() < kMostErrors) list.push_back(std::move(text));
  } catch (...) {
    return -1;  // out of memory: nothing may be thrown through C
  }
  return 0;
}

herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

}  // namespace

LibraryScope::LibraryScope() : lock_(library_mutex()) {
  H5open();
  printing_known_ = H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_) >= 0;
  if (printing_known_) H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLget_loading_state(&plugins_);
  H5PLset_loading_state(0);
}

LibraryScope::~LibraryScope() {
  H5PLset_loading_state(plugins_);
  H5Eclear2(H5E_DEFAULT);
  if (printing_known_) H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
}

std::string take_errors() {
  std::vector<std::string> texts;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, collect_error, &texts);
  H5Eclear2(H5E_DEFAULT);
  if (texts.empty()) return "the HDF5 library gives no reason";
  // The outermost call and the innermost causes tell the story; what lies between is the library's own path.
  std::string result = texts.front();
  const std::size_t first = std::max<std::size_t>(1, texts.size() - std::min<std::size_t>(texts.size(), 2));
  for (std::size_t i = first; i < texts.size(); ++i)
    result += ": " + texts[i];
  return result;
}

std::string without_addresses(const std::string& text) {
  constexpr std::array<std::string_view, 5> kLeftOut = {
      "time = ", "file descriptor = ", "buf = ", "ptr = ", "file->mem = "};
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    // A part ends before ", "; the first may have its own beginning, as "file read failed: time = ...".
    const std::size_t end = std::min(text.find(", ", begin), text.size());
    std::string part = text.substr(begin, end - begin);
    for (const std::string_view name : kLeftOut) {
      const std::size_t at = part.find(name);
      if (at == 0) part.clear();
      if (at != std::string::npos && at >= 2 && part.compare(at - 2, 2, ": ") == 0) part.resize(at - 2);
    }
    if (!part.empty()) result += (result.empty() ? "" : ", ") + part;
    begin = end + 2;
  }
  for (std::size_t at = 0; (at = result.find("0x", at)) != std::string::npos; at += 2) {
    const std::size_t end =
        std::min(result.find_first_not_of("0123456789abcdefABCDEF", at + 2), result.size());
    constexpr std::size_t kLongestFlag = 6;  // "0x" and four digits
    if (end - at > kLongestFlag) result.replace(at, end - at, "(address)");
  }
  return result;
}

std::string version_of_library() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return message("HDF5 ", major, '.', minor, '.', release);
}

std::string explain_newer(const std::string& errors) {
  if (errors.find("bad version number") == std::string::npos &&
      errors.find("bad superblock version number") == std::string::npos)
    return {};
  // Which version began to write what; a datatype may also need 2.0.
  const bool layout = errors.find("version number for layout message") != std::string::npos;
  const bool datatype = errors.find("version number for datatype message") != std::string::npos;
  const char* writer = layout ? "HDF5 2.0 or newer" : datatype ? "HDF5 1.12 or newer" : "a newer HDF5";
  return message("is written in a form of ", writer, ", which the library here, ", version_of_library(),
                 ", cannot read: write it again for older ones, in h5py with File(..., libver=(\"earliest\", "
                 "\"v110\")), or with the newer HDF5's `h5repack --low=0 --high=2 in.h5 out.h5` (",
                 errors, ')');
}

Handle inside_the_file() {
  Handle access = checked(H5Pcreate(H5P_DATASET_ACCESS), "make properties");
  check(H5Pset_elink_cb(access.get(), refuse_external_link, nullptr), "make properties");
  return access;
}

Handle checked(hid_t id, const char* what) {
  check(id < 0 ? -1 : 0, what);
  return Handle(id);
}

void check(herr_t status, const char* what) {
  if (status < 0) throw LoadError(message("HDF5 cannot ", what, ": ", take_errors()));
}

}  // namespace upconv::hdf5
