#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <span>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5_chunks.h>
#include <upconv/framework/hdf5_lzf.h>
#include <upconv/framework/message.h>

/// The library trusts the sizes of chunks. A stored chunk tells its size, but a filtered one has to be
/// decoded to know what it amounts to, and no function of the library decodes without trusting. So each
/// filtered chunk is put, as it is, into a dataset in memory of one chunk, whose first filter is ours: on
/// reading it comes last and sees what the others made.
namespace upconv::hdf5 {

namespace {

constexpr int kMaxFilters = 32;             // as the file format has it
constexpr H5Z_filter_t kProbeFilter = 511;  // of the numbers free for private use, which start at 256

struct Filter {
  H5Z_filter_t id = 0;
  unsigned flags = 0;
  std::array<unsigned, 64> values{};
  std::size_t value_count = 64;
  std::array<char, 64> name{};
};

/// One chunk's place in the dataset and in the file.
struct Chunk {
  std::array<hsize_t, Shape::kMaxRank> offset{};
  unsigned filter_mask = 0;
  haddr_t address = 0;
  hsize_t bytes = 0;
};

/// What the library knows of a dataset's chunks.
struct ChunkedDataset {
  explicit ChunkedDataset(hid_t dataset_id)
      : id(dataset_id),
        space(checked(H5Dget_space(id), "read a dataset's shape")),
        type(checked(H5Dget_type(id), "read a dataset's type")),
        dcpl(checked(H5Dget_create_plist(id), "read a dataset's properties")),
        rank(H5Sget_simple_extent_ndims(space.get())) {
    check(H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr), "read a dataset's shape");
    if (H5Pget_chunk(dcpl.get(), Shape::kMaxRank, chunk.data()) != rank)
      throw LoadError("is damaged: its chunks have another rank");
    chunk_bytes = H5Tget_size(type.get());
    for (int i = 0; i < rank; ++i) {
      if (chunk[i] == 0 || chunk_bytes > std::numeric_limits<std::uint32_t>::max() / chunk[i])
        throw LoadError("is damaged: its chunks have an impossible size");
      chunk_bytes *= chunk[i];
    }
  }

  /// Number of chunks that cover the dataset, or max_chunks + 1 if there are more.
  hsize_t expected_chunks(hsize_t max_chunks) const {
    hsize_t count = 1;
    for (int i = 0; i < rank; ++i) {
      const hsize_t along = sizes[i] / chunk[i] + (sizes[i] % chunk[i] != 0);
      if (along > max_chunks / count) return max_chunks + 1;
      count *= along;
    }
    return count;
  }

  Chunk stored_chunk(hsize_t index) const {
    Chunk result;
    check(H5Dget_chunk_info(id, space.get(), index, result.offset.data(), &result.filter_mask,
                            &result.address, &result.bytes),
          "find a chunk");
    for (int i = 0; i < rank; ++i) {
      if (result.offset[i] % chunk[i] != 0 || result.offset[i] >= sizes[i])
        throw LoadError("is damaged: one of its chunks lies outside it");
    }
    return result;
  }

  /// True if no filter was applied to this chunk.
  bool is_plain(const Chunk& stored) const {
    const int filters = H5Pget_nfilters(dcpl.get());
    const unsigned every = filters >= 32 ? ~0u : (1u << filters) - 1;
    if ((stored.filter_mask & every) == every) return true;
    unsigned options = 0;
    H5Pget_chunk_opts(dcpl.get(), &options);
    if ((options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) == 0) return false;
    for (int i = 0; i < rank; ++i) {
      if (sizes[i] - stored.offset[i] < chunk[i]) return true;
    }
    return false;
  }

  hid_t id;
  Handle space;
  Handle type;
  Handle dcpl;
  int rank;
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  std::array<hsize_t, Shape::kMaxRank> chunk{};
  hsize_t chunk_bytes = 0;
};

Filter get_filter(hid_t dcpl, int index) {
  Filter filter;
  unsigned config = 0;
  filter.id = H5Pget_filter2(dcpl, static_cast<unsigned>(index), &filter.flags, &filter.value_count,
                             filter.values.data(), filter.name.size(), filter.name.data(), &config);
  check(filter.id, "read a filter");
  filter.name.back() = '\0';
  if (filter.value_count > filter.values.size()) {
    throw LoadError(message("has a filter with ", filter.value_count, " parameters, at most ",
                            filter.values.size(), " are understood"));
  }
  return filter;
}

std::string name_of_filter(const Filter& filter) {
  const unsigned level = filter.value_count > 0 ? filter.values[0] : 0;
  switch (filter.id) {
    case H5Z_FILTER_DEFLATE:
      return message("gzip(", level, ')');
    case H5Z_FILTER_SHUFFLE:
      return "shuffle";
    case H5Z_FILTER_FLETCHER32:
      return "fletcher32";
    case H5Z_FILTER_SZIP:
      return "szip";
    case H5Z_FILTER_NBIT:
      return "n-bit";
    case H5Z_FILTER_SCALEOFFSET:
      return "scale-offset";
    case kLzfFilter:
      return "lzf";
    case 32001:
      return "blosc";
    case 32004:
      return "lz4";
    case 32008:
      return "bitshuffle";
    case 32013:
      return "zfp";
    case 32015:
      return "zstd";
    case 32026:
      return "blosc2";
    default:
      return filter.name[0] == '\0' ? "unnamed" : printable(filter.name.data());
  }
}

/// The probe: passes on what has the size of a chunk, given as its parameter, and fails on all else.
std::size_t probe_size(unsigned flags, std::size_t value_count, const unsigned* values, std::size_t bytes,
                       std::size_t*, void**) {
  if ((flags & H5Z_FLAG_REVERSE) == 0 || (value_count == 1 && values[0] == bytes)) return bytes;
  H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_PLINE, H5E_CANTFILTER,
           "a chunk decodes to %zu bytes instead of %u", bytes, value_count == 1 ? values[0] : 0u);
  return 0;
}

void register_probe() {
  if (H5Zfilter_avail(kProbeFilter) > 0) return;
  const H5Z_class2_t description = {
      H5Z_CLASS_T_VERS, kProbeFilter, 1, 1, "upconv size probe", nullptr, nullptr, probe_size,
  };
  check(H5Zregister(&description), "register a filter");
}

/// A dataset of one chunk, in memory, with the probe and then the filters of the dataset it stands in for.
class ProbeDataset {
 public:
  explicit ProbeDataset(const ChunkedDataset& like) : rank_(like.rank) {
    register_probe();
    const Handle fapl = checked(H5Pcreate(H5P_FILE_ACCESS), "make properties");
    check(H5Pset_fapl_core(fapl.get(), std::size_t{1} << 16, false), "make a file in memory");
    file_ = checked(H5Fcreate(".upconv-chunk-probe", H5F_ACC_TRUNC, H5P_DEFAULT, fapl.get()),
                    "make a file in memory");
    dcpl_ = checked(H5Pcreate(H5P_DATASET_CREATE), "make properties");
    check(H5Pset_chunk(dcpl_.get(), rank_, like.chunk.data()), "make properties");
    const auto chunk_bytes = static_cast<unsigned>(like.chunk_bytes);
    check(H5Pset_filter(dcpl_.get(), kProbeFilter, H5Z_FLAG_MANDATORY, 1, &chunk_bytes), "set a filter");
    for (int i = 0; i < H5Pget_nfilters(like.dcpl.get()); ++i) {
      const Filter filter = get_filter(like.dcpl.get(), i);
      // Optional, so that a filter without its encoder, which is not needed here, is no obstacle.
      check(
          H5Pset_filter(dcpl_.get(), filter.id, H5Z_FLAG_OPTIONAL, filter.value_count, filter.values.data()),
          "set a filter");
    }
    space_ = checked(H5Screate_simple(rank_, like.chunk.data(), nullptr), "make a shape");
    std::array<hsize_t, Shape::kMaxRank> one{};
    one.fill(1);
    check(H5Sselect_hyperslab(space_.get(), H5S_SELECT_SET, origin_.data(), nullptr, one.data(), nullptr),
          "select an element");
    element_space_ = checked(H5Screate_simple(1, one.data(), nullptr), "make a shape");
    type_ = checked(H5Tcopy(like.type.get()), "copy a type");
    element_.resize(H5Tget_size(type_.get()));
  }

  /// Throws: LoadError unless the bytes of a filtered chunk decode to the size of a chunk.
  void decode(const std::vector<std::byte>& bytes, unsigned filter_mask) {
    write(bytes, filter_mask << 1);
    const Handle dataset = checked(H5Dopen2(file_.get(), kName, H5P_DEFAULT), "decode a chunk");
    check(
        H5Dread(dataset.get(), type_.get(), element_space_.get(), space_.get(), H5P_DEFAULT, element_.data()),
        "decode a chunk");
  }

 private:
  static constexpr const char* kName = "chunk";

  /// Puts a chunk into a dataset of its own, and closes it: HDF5 1.10 forgets the mask of a chunk that is
  /// written over another of the same size, and of one that it still has open.
  void write(const std::vector<std::byte>& bytes, unsigned filter_mask) {
    if (written_) check(H5Ldelete(file_.get(), kName, H5P_DEFAULT), "decode a chunk");
    const Handle dataset = checked(
        H5Dcreate2(file_.get(), kName, type_.get(), space_.get(), H5P_DEFAULT, dcpl_.get(), H5P_DEFAULT),
        "make a dataset in memory");
    written_ = true;
    check(H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, filter_mask, origin_.data(), bytes.size(), bytes.data()),
          "decode a chunk");
  }

  int rank_;
  std::array<hsize_t, Shape::kMaxRank> origin_{};
  bool written_ = false;
  Handle file_;
  Handle dcpl_;
  Handle space_;
  Handle element_space_;
  Handle type_;
  std::vector<std::byte> element_;
};

}  // namespace

std::vector<std::string> describe_filters(hid_t dcpl) {
  std::vector<std::string> names;
  const int count = H5Pget_nfilters(dcpl);
  check(count, "count filters");
  if (count >= kMaxFilters) throw LoadError(message("has ", count, " filters"));
  for (int i = 0; i < count; ++i) {
    const Filter filter = get_filter(dcpl, i);
    names.push_back(name_of_filter(filter));
    unsigned config = 0;
    const bool usable = H5Zfilter_avail(filter.id) > 0 && H5Zget_filter_info(filter.id, &config) >= 0 &&
                        (config & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0;
    if (!usable) {
      throw LoadError(message("is compressed with the filter ", names.back(), " (number ", filter.id,
                              "), which this build of HDF5 lacks: write the file again with gzip, lzf or no "
                              "compression, as `h5repack -f NONE` does where the filter is installed"));
    }
  }
  return names;
}

void check_chunks(hid_t dataset, std::uint64_t file_bytes, std::size_t max_chunks, const Hdf5Entry& entry) {
  const ChunkedDataset chunked(dataset);
  const hsize_t expected = chunked.expected_chunks(max_chunks);
  if (expected > max_chunks) {
    throw LoadError(message("has shape ", entry.shape, " in more than ", max_chunks,
                            " chunks: store it with larger ones, or raise max_chunks"));
  }
  hsize_t stored = 0;
  check(H5Dget_num_chunks(dataset, chunked.space.get(), &stored), "count chunks");
  if (stored != expected) {
    throw LoadError(message("has shape ", entry.shape, " in ", expected, " chunks, but the file stores ",
                            stored, " of them: it was never written in full"));
  }
  std::set<std::array<hsize_t, Shape::kMaxRank>> seen;
  hsize_t total = 0;
  for (hsize_t i = 0; i < stored; ++i) {
    const Chunk chunk = chunked.stored_chunk(i);
    if (!seen.insert(chunk.offset).second)
      throw LoadError("is damaged: two of its chunks cover the same place");
    if (chunk.bytes > file_bytes || chunk.address > file_bytes - chunk.bytes)
      throw LoadError("is damaged: one of its chunks lies beyond the end of the file");
    total += chunk.bytes;
    if (total > file_bytes) throw LoadError("is damaged: its chunks are larger than the file");
    if (chunked.is_plain(chunk) && chunk.bytes != chunked.chunk_bytes) {
      throw LoadError(message("is damaged: a chunk of ", chunked.chunk_bytes, " bytes has ", chunk.bytes,
                              " in the file"));
    }
  }
}

void check_decoded_chunks(hid_t dataset) {
  const ChunkedDataset chunked(dataset);
  if (H5Pget_nfilters(chunked.dcpl.get()) == 0) return;
  ProbeDataset probe(chunked);
  hsize_t count = 0;
  check(H5Dget_num_chunks(dataset, chunked.space.get(), &count), "count chunks");
  std::vector<std::byte> bytes;
  for (hsize_t i = 0; i < count; ++i) {
    const Chunk chunk = chunked.stored_chunk(i);
    if (chunked.is_plain(chunk)) continue;
    bytes.resize(chunk.bytes);
    unsigned mask = 0;
#if H5_VERSION_GE(2, 0, 0)
    std::size_t size = bytes.size();
    check(H5Dread_chunk2(dataset, H5P_DEFAULT, chunk.offset.data(), &mask, bytes.data(), &size),
          "read a chunk");
#else
    check(H5Dread_chunk(dataset, H5P_DEFAULT, chunk.offset.data(), &mask, bytes.data()), "read a chunk");
#endif
    probe.decode(bytes, mask);
  }
}

}  // namespace upconv::hdf5
