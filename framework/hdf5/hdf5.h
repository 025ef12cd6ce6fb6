#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <upconv/framework/module.h>
#include <upconv/framework/state_dict.h>

namespace upconv {

/// The process of its own in which a file is read with `Hdf5ReadOptions::isolate`.
struct Hdf5Isolation {
  /// Longest that opening the file, or reading one entry, may take; a second more for every 16 MiB of the
  /// file.
  double seconds = 30;
  /// Most memory (address space) of the process. 0: 1 GiB, and beyond it four times the entry that it reads
  /// and twice the file.
  std::uint64_t memory_bytes = 0;
  /// The program upconv-read-hdf5 of this upconv. Empty: the environment variable UPCONV_READ_HDF5, else
  /// beside this program or library, in ../libexec/upconv of it, or where upconv was to be installed.
  std::filesystem::path program = {};
};

/// Where in a file the weights stand, and how much of a file to believe. Nothing is guessed: what is stripped
/// here is told in the notes of the StateDict or LoadReport.
struct Hdf5ReadOptions {
  std::string root_group = {};  ///< Read this group only, such as "model/state_dict"; names start below it.
  /// Read only names that start with this, such as "module." or "decoder.", and take it off them.
  std::string prefix = {};
  /// Without it, files are read on file systems that cannot lock, and while they are being written.
  bool file_locking = true;
  /// Read the file in a process of its own: should it crash the HDF5 library, or hang it, that is a
  /// LoadError.
  bool isolate = false;
  Hdf5Isolation isolation = {};

  std::uint64_t max_tensor_bytes = std::uint64_t{1} << 40;  ///< Most bytes that one entry may declare.
  std::size_t max_entries = 1'000'000;                      ///< Most links, groups included, in one file.
  std::size_t max_chunks = 65'536;                          ///< Most chunks of one entry.
  int max_depth = 64;                                       ///< Most groups inside each other; up to 1000.
  std::size_t max_name_bytes = 1024;                        ///< Longest name of an entry.
};

/// One entry of a weight file, from its metadata. What could not be found out is left empty or zero.
struct Hdf5Entry {
  std::string name;  ///< As the state dict has it: dotted, without root group and prefix.
  std::string path;  ///< As the file has it: "/features/0/weight".
  Shape shape;
  std::optional<DType> dtype;        ///< What read_hdf5 makes of it; nothing if it is refused for its type.
  std::string stored_type;           ///< "float32", "bfloat16", "uint8", "variable-length string", ...
  std::string layout;                ///< "compact", "contiguous", "chunked", "virtual".
  std::uint64_t stored_bytes = 0;    ///< In the file, compressed.
  std::vector<std::uint64_t> chunk;  ///< Sizes of a chunk; empty if it is not chunked.
  std::vector<std::string> filters;  ///< "shuffle", "gzip(4)", ... in the order they were applied.
  std::string tied_to;               ///< Name of an earlier entry with the same data, or empty.
  std::string problem;               ///< Why read_hdf5 refuses it; empty if it does not.
};

/// Reads every entry of a file of PyTorch weights, in the order they were created if the file tracks it,
/// else by name. Flat names ("features.0.weight") and nested groups (features/0/weight) mean the same entry.
/// DType: as stored: f32, f16, bf16 (also as uint16 or opaque bits marked `torch_dtype = "bfloat16"`), f64;
/// integers and bools become i64. Either byte order; gzip, shuffle, fletcher32, szip, scale-offset, n-bit,
/// lzf.
/// Execution: one call at a time in a process, but for those with `isolate`, which run at once. A call leaves
/// the HDF5 library as it was.
/// Throws: LoadError naming the file and every entry that it refuses; ArgumentError on a bad option;
/// std::bad_alloc. docs/hdf5_format.md tells what is refused, and that without `isolate` damaged or hostile
/// files can still crash the HDF5 library itself.
StateDict read_hdf5(const std::filesystem::path& path, const Hdf5ReadOptions& options = {});

/// As `module.load(read_hdf5(path))`, but compares names, shapes and types before it reads any values, and
/// reads only what the module wants. Throws: LoadError with the whole report; the module keeps what it had.
LoadReport load_hdf5(Module& module, const std::filesystem::path& path, const LoadOptions& load_options = {},
                     const Hdf5ReadOptions& read_options = {});

/// What a file holds, refused entries included, without reading any values. Throws: LoadError if the file
/// cannot be opened, has more links than `options.max_entries`, or no name with `options.prefix`.
std::vector<Hdf5Entry> list_hdf5(const std::filesystem::path& path, const Hdf5ReadOptions& options = {});

enum class Hdf5Compression : std::uint8_t { none, gzip, lzf };

/// How entries are stored. Scalars and empty tensors are never compressed.
struct Hdf5WriteOptions {
  Hdf5Compression compression = Hdf5Compression::none;
  int gzip_level = 4;       ///< 0 to 9.
  bool shuffle = false;     ///< Group the bytes of equal weight, which packs floats better.
  bool fletcher32 = false;  ///< Add checksums, which are verified on reading.
};

/// Writes what read_hdf5 reads back bit for bit, and what tools/export_hdf5.py would have written: one
/// dataset for an entry under its dotted name, in order. The file is built in memory and replaces `path` in
/// one step; on any error the old file is still there. CPU tensors only.
/// Throws: ArgumentError on a name or option that cannot be stored, DeviceError, LoadError if the file cannot
/// be written.
void write_hdf5(const std::filesystem::path& path, const StateDict& weights,
                const Hdf5WriteOptions& options = {});

}  // namespace upconv
