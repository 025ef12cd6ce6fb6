#pragma once

#include <filesystem>
#include <memory>

#include <upconv/framework/hdf5/file.h>
#include <upconv/framework/tensor.h>

namespace upconv::hdf5 {

/// An open weight file: what it holds, and the way to its values.
class Source {
 public:
  virtual ~Source() = default;
  const Contents& contents() const { return contents_; }
  /// Reads an entry of contents(), which has no problem, into `values` of its shape and dtype, wherever they
  /// lie. Throws: LoadError saying what is wrong with it.
  virtual void read(std::size_t index, TensorView values) = 0;

 protected:
  Contents contents_;
};

/// Opens a file in this process. Throws: LoadError saying why that cannot be, and what to do.
std::unique_ptr<Source> open_here(const std::filesystem::path& path, const Hdf5ReadOptions& options);

/// Opens a file in a process of its own. Throws the same.
std::unique_ptr<Source> open_isolated(const std::filesystem::path& path, const Hdf5ReadOptions& options);

}  // namespace upconv::hdf5
