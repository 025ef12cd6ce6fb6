#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "files.h"

/// Every kind of file that the reader must refuse, with what its message must say.
namespace hdf5_bad_files {

struct BadFile {
  std::string name;  ///< Of the case; letters and digits only.
  /// Makes `path`. The module under test wants block.weight [2,3] and block.bias [2] of f32.
  std::function<void(const std::filesystem::path& path)> make;
  std::string dataset;  ///< Which the message must name; empty if the whole file is at fault.
  std::string says;     ///< What the message of load_hdf5 must contain.
  /// True if the file as such is fine and only does not fit the module: read_hdf5 takes it.
  bool readable = false;
};

/// How GoogleTest shows a case.
inline void PrintTo(const BadFile& bad, std::ostream* out) {
  *out << bad.name;
}

/// Cases of element types and shapes.
std::vector<BadFile> bad_types();
/// Cases of storage: layouts, filters, sizes, damage.
std::vector<BadFile> bad_storage();
/// Cases of links and names.
std::vector<BadFile> bad_links();

/// Writes block/bias (or block.bias) and leaves block.weight to the caller.
hdf5_files::Id file_with_bias(const std::filesystem::path& path);

}  // namespace hdf5_bad_files
