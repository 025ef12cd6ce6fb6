#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <upconv/framework/hdf5/dataset.h>
#include <upconv/framework/hdf5/library.h>

namespace upconv::hdf5 {

/// A file that is open for reading.
struct InputFile {
  Handle handle;
  std::uint64_t bytes = 0;
  bool checks_metadata = false;  ///< By its format, which then notices damage to it.
};

/// Version of the file format that this upconv reads and writes: a file attribute.
inline constexpr int kFormatVersion = 1;
inline constexpr char kFormatVersionAttribute[] = "upconv_format_version";

/// Opens a weight file. Throws: LoadError saying why it cannot be, and what to do.
InputFile open_input(const std::filesystem::path& path, bool file_locking);

/// What a file holds below the root group of the options.
struct Contents {
  std::vector<Found> entries;       ///< Whose names have the prefix; it is taken off them.
  std::vector<std::string> groups;  ///< Names of groups, likewise.
  std::vector<std::string> notes;   ///< What was stripped and left out.
};

/// Walks the groups of a file and describes every dataset; a refused one has a `problem`.
/// Throws: LoadError if there is no such root group, or there are too many links.
Contents walk(const InputFile& file, const Hdf5ReadOptions& options);

/// Why `name` cannot name an entry, or "" if it can: it must be UTF-8, and no part between dots empty.
std::string name_problem(std::string_view name, std::size_t max_bytes);

}  // namespace upconv::hdf5
