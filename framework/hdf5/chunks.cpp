#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <span>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/chunks.h>
#include <upconv/framework/hdf5/filters.h>
#include <upconv/framework/hdf5/lzf.h>
#include <upconv/framework/message.h>

/// The library trusts the sizes of chunks. A stored chunk tells its size, but a filtered one has to be
/// decoded to know what it amounts to, and no function of the library decodes without trusting. So each
/// filtered chunk is put, as it is, into a dataset in memory of one chunk, whose first filter is ours: on
/// reading it comes last and sees what the others made.
namespace upconv::hdf5 {

namespace {

/// What the library knows of a dataset's chunks.
struct ChunkedDataset {
  explicit ChunkedDataset(hid_t dataset_id)
      : id(dataset_id),
        space(checked(H5Dget_space(id), "read a dataset's shape")),
        type(checked(H5Dget_type(id), "read a dataset's type")),
        dcpl(checked(H5Dget_create_plist(id), "read a dataset's properties")),
        filters(get_filters(dcpl.get())),
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

  /// True if no filter is applied to the chunk at `offset`, given the mask of filters left out there.
  bool is_plain(const hsize_t* offset, unsigned filter_mask) const {
    const unsigned every = (1u << filters.size()) - 1;
    if ((filter_mask & every) == every) return true;
    unsigned options = 0;
    H5Pget_chunk_opts(dcpl.get(), &options);
    if ((options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) == 0) return false;
    for (int i = 0; i < rank; ++i) {
      if (sizes[i] - offset[i] < chunk[i]) return true;
    }
    return false;
  }

  /// Why a chunk cannot have `bytes` in the file, or "".
  std::string stored_size_problem(const hsize_t* offset, unsigned filter_mask, hsize_t bytes) const {
    if (!is_plain(offset, filter_mask)) return size_problem(filters, filter_mask, bytes, chunk_bytes);
    if (bytes == chunk_bytes) return {};
    return message("is damaged: a chunk of ", chunk_bytes, " bytes has ", bytes, " in the file");
  }

  /// Moves `offset` to the next chunk in row-major order; false after the last.
  bool next(std::array<hsize_t, Shape::kMaxRank>& offset) const {
    for (int i = rank - 1; i >= 0; --i) {
      if (sizes[i] - offset[i] > chunk[i]) {
        offset[i] += chunk[i];
        return true;
      }
      offset[i] = 0;
    }
    return false;
  }

  hid_t id;
  Handle space;
  Handle type;
  Handle dcpl;
  std::vector<Filter> filters;
  int rank;
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  std::array<hsize_t, Shape::kMaxRank> chunk{};
  hsize_t chunk_bytes = 0;
};

/// The probe: passes on what has the size of a chunk, given as its parameter, and fails on all else.
std::size_t probe_size(unsigned flags, std::size_t value_count, const unsigned* values, std::size_t bytes,
                       std::size_t*, void**) {
  if ((flags & H5Z_FLAG_REVERSE) == 0 || (value_count == 1 && values[0] == bytes)) return bytes;
  H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_PLINE, H5E_CANTFILTER,
           "a chunk decodes to %zu bytes instead of %u", bytes, value_count == 1 ? values[0] : 0u);
  return 0;
}

/// A number for the probe, of those free for private use, that no filter of the process has.
H5Z_filter_t probe_number() {
  constexpr H5Z_filter_t kFirst = 256;
  constexpr H5Z_filter_t kLast = 511;
  for (H5Z_filter_t number = kLast; number >= kFirst; --number) {
    if (H5Zfilter_avail(number) == 0) return number;
  }
  throw LoadError("cannot be checked: this process has filters under all numbers for private use");
}

H5Z_class2_t probe_description() {
  return {H5Z_CLASS_T_VERS, probe_number(), 1, 1, "upconv size probe", nullptr, nullptr, probe_size};
}

/// A dataset of one chunk, in memory, with the probe and then the filters of the dataset it stands in for.
class ProbeDataset {
 public:
  /// `probe` is the number of the registered probe; `filter_mask` tells the filters that were left out.
  ProbeDataset(H5Z_filter_t probe, const ChunkedDataset& like, unsigned filter_mask) : rank_(like.rank) {
    const Handle fapl = checked(H5Pcreate(H5P_FILE_ACCESS), "make properties");
    check(H5Pset_fapl_core(fapl.get(), std::size_t{1} << 16, false), "make a file in memory");
    file_ = checked(H5Fcreate(".upconv-chunk-probe", H5F_ACC_TRUNC, H5P_DEFAULT, fapl.get()),
                    "make a file in memory");
    const Handle dcpl = checked(H5Pcreate(H5P_DATASET_CREATE), "make properties");
    check(H5Pset_chunk(dcpl.get(), rank_, like.chunk.data()), "make properties");
    const auto chunk_bytes = static_cast<unsigned>(like.chunk_bytes);
    check(H5Pset_filter(dcpl.get(), probe, H5Z_FLAG_MANDATORY, 1, &chunk_bytes), "set a filter");
    std::vector<Filter> filters;
    for (std::size_t i = 0; i < like.filters.size(); ++i) {
      if ((filter_mask >> i & 1u) != 0) continue;
      const Filter& filter = filters.emplace_back(like.filters[i]);
      // Optional, so that a filter without its encoder, which is not needed here, is no obstacle.
      check(H5Pset_filter(dcpl.get(), filter.id, H5Z_FLAG_OPTIONAL, filter.value_count, filter.values.data()),
            "set a filter");
    }
    space_ = checked(H5Screate_simple(rank_, like.chunk.data(), nullptr), "make a shape");
    dataset_ = checked(
        H5Dcreate2(file_.get(), "chunk", like.type.get(), space_.get(), H5P_DEFAULT, dcpl.get(), H5P_DEFAULT),
        "make a dataset in memory");
    check_parameters(filters);
    std::array<hsize_t, Shape::kMaxRank> one{};
    one.fill(1);
    check(H5Sselect_hyperslab(space_.get(), H5S_SELECT_SET, origin_.data(), nullptr, one.data(), nullptr),
          "select an element");
    element_space_ = checked(H5Screate_simple(1, one.data(), nullptr), "make a shape");
    type_ = checked(H5Tcopy(like.type.get()), "copy a type");
    element_.resize(H5Tget_size(type_.get()));
  }

  /// Throws: LoadError unless the bytes of a filtered chunk decode to the size of a chunk.
  void decode(const std::vector<std::byte>& bytes) {
    check(H5Dwrite_chunk(dataset_.get(), H5P_DEFAULT, 0, origin_.data(), bytes.size(), bytes.data()),
          "decode a chunk");
    check(H5Dread(dataset_.get(), type_.get(), element_space_.get(), space_.get(), H5P_DEFAULT,
                  element_.data()),
          "decode a chunk");
  }

 private:
  /// Some filters take the size of a chunk from their parameters. The library has just derived them anew for
  /// the probe; those in the file must be the same. Throws: LoadError.
  void check_parameters(const std::vector<Filter>& filters) const {
    const Handle dcpl = checked(H5Dget_create_plist(dataset_.get()), "read a dataset's properties");
    const std::vector<Filter> all = get_filters(dcpl.get());
    for (std::size_t i = 0; i < filters.size(); ++i) {
      const Filter& given = filters[i];
      const Filter& derived = all.at(i + 1);    // behind the probe
      const bool lzf = given.id == kLzfFilter;  // its first two parameters are versions
      const bool sized = lzf || given.id == H5Z_FILTER_SZIP || given.id == H5Z_FILTER_NBIT ||
                         given.id == H5Z_FILTER_SCALEOFFSET;
      const std::size_t skip = lzf ? std::min<std::size_t>(2, given.value_count) : 0;
      if (sized && !std::ranges::equal(given.used().subspan(skip), derived.used().subspan(skip))) {
        throw LoadError(message("is damaged: the parameters of its filter ", name_of_filter(given),
                                " do not fit its chunks"));
      }
    }
  }

  int rank_;
  std::array<hsize_t, Shape::kMaxRank> origin_{};
  Handle file_;
  Handle space_;
  Handle element_space_;
  Handle type_;
  Handle dataset_;
  std::vector<std::byte> element_;
};

using Offset = std::array<hsize_t, Shape::kMaxRank>;

/// What is found while the chunks of a dataset are listed.
struct ChunkListing {
  const ChunkedDataset* dataset;
  std::uint64_t file_bytes;
  std::set<Offset> seen;
  std::string problem;
};

/// Called for every stored chunk, by the library itself where it can. Does not throw but for lack of memory.
void check_chunk(const hsize_t* place, unsigned filter_mask, haddr_t address, hsize_t bytes,
                 ChunkListing& listing) {
  const ChunkedDataset& dataset = *listing.dataset;
  Offset offset{};
  std::copy_n(place, dataset.rank, offset.begin());
  bool inside = true;
  for (int i = 0; i < dataset.rank; ++i)
    inside = inside && offset[i] % dataset.chunk[i] == 0 && offset[i] < dataset.sizes[i];
  if (!inside) {
    listing.problem = "is damaged: one of its chunks lies outside it";
  } else if (!listing.seen.insert(offset).second) {
    listing.problem = "is damaged: two of its chunks cover the same place";
  } else if (bytes > listing.file_bytes || address > listing.file_bytes - bytes) {
    listing.problem = "is damaged: one of its chunks lies beyond the end of the file";
  } else {
    listing.problem = dataset.stored_size_problem(offset.data(), filter_mask, bytes);
  }
}

#if H5_VERSION_GE(1, 14, 0)
int check_chunk_callback(const hsize_t* place, unsigned filter_mask, haddr_t address, hsize_t bytes,
                         void* data) {
  auto& listing = *static_cast<ChunkListing*>(data);
  try {
    check_chunk(place, filter_mask, address, bytes, listing);
  } catch (...) {
    return H5_ITER_ERROR;  // out of memory: nothing may be thrown through C
  }
  return listing.problem.empty() ? H5_ITER_CONT : H5_ITER_STOP;
}

void list_chunks(hid_t dataset, hsize_t, ChunkListing& listing) {
  check(H5Dchunk_iter(dataset, H5P_DEFAULT, check_chunk_callback, &listing), "list chunks");
}
#else
/// Before H5Dchunk_iter, to find a chunk by number walks over all before it: past a few thousand that takes
/// minutes, and the sums that were checked must do.
void list_chunks(hid_t dataset, hsize_t count, ChunkListing& listing) {
  constexpr hsize_t kMostListed = 2048;
  if (count > kMostListed) return;
  for (hsize_t i = 0; i < count && listing.problem.empty(); ++i) {
    hsize_t place[H5S_MAX_RANK] = {};
    unsigned filter_mask = 0;
    haddr_t address = 0;
    hsize_t bytes = 0;
    check(H5Dget_chunk_info(dataset, listing.dataset->space.get(), i, place, &filter_mask, &address, &bytes),
          "find a chunk");
    check_chunk(place, filter_mask, address, bytes, listing);
  }
}
#endif

/// Reads a chunk as it is stored and returns its filter mask.
unsigned read_chunk(hid_t dataset, const hsize_t* offset, std::vector<std::byte>& bytes) {
  unsigned mask = 0;
#if H5_VERSION_GE(2, 0, 0)
  std::size_t size = bytes.size();
  check(H5Dread_chunk2(dataset, H5P_DEFAULT, offset, &mask, bytes.data(), &size), "read a chunk");
#else
  check(H5Dread_chunk(dataset, H5P_DEFAULT, offset, &mask, bytes.data()), "read a chunk");
#endif
  return mask;
}

}  // namespace

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
  if (entry.stored_bytes > file_bytes) throw LoadError("is damaged: its chunks are larger than the file");
  if (entry.filters.empty() && entry.stored_bytes != expected * chunked.chunk_bytes) {
    throw LoadError(message("is damaged: ", expected, " chunks of ", chunked.chunk_bytes, " bytes take ",
                            entry.stored_bytes, " in the file"));
  }
  ChunkListing listing{&chunked, file_bytes, {}, {}};
  list_chunks(dataset, expected, listing);
  if (!listing.problem.empty()) throw LoadError(listing.problem);
}

void check_decoded_chunks(hid_t dataset, std::uint64_t file_bytes) {
  const ChunkedDataset chunked(dataset);
  if (chunked.filters.empty()) return;
  const H5Z_class2_t description = probe_description();
  const RegisteredFilter probe(description);
  std::map<unsigned, ProbeDataset> probes;  // by filter mask
  std::vector<std::byte> bytes;
  std::array<hsize_t, Shape::kMaxRank> offset{};
  do {
    hsize_t size = 0;
    check(H5Dget_chunk_storage_size(dataset, offset.data(), &size), "find a chunk");
    if (size == 0 || size > file_bytes) throw LoadError("is damaged: it lacks a chunk");
    bytes.resize(size);
    const unsigned mask = read_chunk(dataset, offset.data(), bytes);
    const std::string problem = chunked.stored_size_problem(offset.data(), mask, size);
    if (!problem.empty()) throw LoadError(problem);
    if (!chunked.is_plain(offset.data(), mask))
      probes.try_emplace(mask, description.id, chunked, mask).first->second.decode(bytes);
  } while (chunked.next(offset));
}

}  // namespace upconv::hdf5
