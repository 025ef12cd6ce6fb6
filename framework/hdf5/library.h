#pragma once

#include <mutex>
#include <string>
#include <utility>

#include <hdf5.h>

/// Internal: what every file of framework/hdf5/ needs of the HDF5 C library. Not installed.
namespace upconv::hdf5 {

/// Owns one reference to an HDF5 object of any kind. Never give it a predefined type such as H5T_IEEE_F32LE.
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// False if the library could not close it, as when a file cannot be flushed.
  bool close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 || H5Idec_ref(id) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// Stands in every public function, before all else. For its life the library prints no errors, loads no
/// plugins, and serves upconv in this thread alone; then it is as it was. Those are settings of the whole
/// process, since the library knows no others.
class LibraryScope {
 public:
  LibraryScope();
  ~LibraryScope();
  LibraryScope(const LibraryScope&) = delete;
  LibraryScope& operator=(const LibraryScope&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  bool printing_known_ = false;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
  unsigned plugins_ = 0;
};

/// Properties for opening links and datasets that keep the library inside the file: an external link fails,
/// at the end of a path and in its middle.
Handle inside_the_file();

/// The library's error stack as one line, outermost call first; clears it. Never empty.
std::string take_errors();

/// A text of the library's without what differs from run to run: times, descriptors, addresses in this
/// process.
std::string without_addresses(const std::string& text);

/// "HDF5 1.10.8": the library that this process runs with.
std::string version_of_library();

/// If `errors` say that something is of a version that the library does not know: which HDF5 writes that, and
/// what to do. Else "".
std::string explain_newer(const std::string& errors);

/// Wraps a new id. Throws: LoadError "HDF5 cannot <what>: <its errors>" if the call that gave it failed.
Handle checked(hid_t id, const char* what);
/// The same for calls that return a status.
void check(herr_t status, const char* what);

}  // namespace upconv::hdf5
