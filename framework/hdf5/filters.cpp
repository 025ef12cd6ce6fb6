#include <algorithm>
#include <cstring>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/filters.h>
#include <upconv/framework/hdf5/lzf.h>
#include <upconv/framework/keep_loaded.h>
#include <upconv/framework/message.h>
#include <upconv/framework/state_dict.h>

namespace upconv::hdf5 {

namespace {

constexpr int kMaxFilters = 32;                                    // as the file format has it
constexpr std::uint64_t kMostChunkBytes = std::uint64_t{1} << 32;  // likewise

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

/// What a filter can do to the size of a chunk.
struct Bounds {
  std::uint64_t overhead = 0;   ///< Bytes that every stored chunk has beside its data.
  std::uint64_t expansion = 1;  ///< Most bytes that one stored byte can become.
  bool known = true;
};

Bounds bounds_of(H5Z_filter_t id) {
  switch (id) {
    case H5Z_FILTER_SHUFFLE:
      return {};
    case H5Z_FILTER_FLETCHER32:
      return {.overhead = 4};
    case H5Z_FILTER_DEFLATE:
      return {.overhead = 8, .expansion = 1032};  // 258 bytes from 2 bits; a header and a checksum
    case kLzfFilter:
      return {.expansion = kLzfMostExpansion};
    case H5Z_FILTER_SZIP:
      return {.overhead = 4, .expansion = 8192};  // 64 blocks of 32 zeros of 4 bytes from 10 bits
    case H5Z_FILTER_NBIT:
      return {.expansion = 64};  // a double of which one bit counts
    case H5Z_FILTER_SCALEOFFSET:
      return {.overhead = 21,
              .expansion = 65536};  // a constant chunk takes its header alone: a limit of ours
    default:
      return {.known = false};
  }
}

/// True if the library has the filter's decoder, or upconv has.
bool is_usable(H5Z_filter_t id) {
  unsigned config = 0;
  return id == kLzfFilter || (H5Zfilter_avail(id) > 0 && H5Zget_filter_info(id, &config) >= 0 &&
                              (config & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0);
}

}  // namespace

std::vector<Filter> get_filters(hid_t dcpl) {
  const int count = H5Pget_nfilters(dcpl);
  check(count, "count filters");
  if (count >= kMaxFilters) throw LoadError(message("has ", count, " filters"));
  std::vector<Filter> filters;
  for (int i = 0; i < count; ++i)
    filters.push_back(get_filter(dcpl, i));
  return filters;
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

std::vector<std::string> describe_filters(hid_t dcpl) {
  std::vector<std::string> names;
  for (const Filter& filter : get_filters(dcpl)) {
    names.push_back(name_of_filter(filter));
    if (!is_usable(filter.id)) {
      throw LoadError(message("is compressed with the filter ", names.back(), " (number ", filter.id,
                              "), which this build of HDF5 lacks: write the file again with gzip, lzf or no "
                              "compression, as `h5repack -f NONE` does where the filter is installed"));
    }
  }
  return names;
}

std::string size_problem(std::span<const Filter> filters, unsigned filter_mask, std::uint64_t stored_bytes,
                         std::uint64_t bytes) {
  std::uint64_t most = stored_bytes;  // before the filters that were walked over, last to first
  std::uint64_t strongest = 1;
  for (std::size_t i = filters.size(); i-- > 0;) {
    if ((filter_mask >> i & 1u) != 0) continue;
    const Bounds bounds = bounds_of(filters[i].id);
    if (!bounds.known) return {};
    if (most <= bounds.overhead) {
      return message("is damaged: a chunk has ", stored_bytes, " bytes in the file, shorter than the filter ",
                     name_of_filter(filters[i]), " makes any");
    }
    most = std::min((most - bounds.overhead) * bounds.expansion, kMostChunkBytes);
    strongest = std::max(strongest, bounds.expansion);
  }
  // Of several compressors the strongest alone: stacks of them are how a few bytes claim gigabytes.
  if (bytes > most || bytes / strongest > stored_bytes) {
    return message("is damaged, or made to fill the memory: a chunk of ", bytes, " bytes has ", stored_bytes,
                   " in the file, more than its filters can pack");
  }
  // No encoder adds more than this to data that do not shrink.
  if (stored_bytes > bytes + bytes / 8 + 1024) {
    return message("is damaged: a chunk of ", bytes, " bytes has ", stored_bytes,
                   " in the file, more than its filters can make of it");
  }
  return {};
}

RegisteredFilter::RegisteredFilter(const H5Z_class2_t& description) : id_(description.id) {
  static_assert(sizeof(code_) == sizeof(description.filter));
  std::memcpy(&code_, &description.filter, sizeof(code_));
  check(H5Zregister(&description), "register a filter");
}

RegisteredFilter::~RegisteredFilter() {
  // The library refuses while anyone has a dataset with the filter open. Then its table keeps pointing here.
  if (H5Zunregister(id_) < 0) keep_loaded(code_);
}

}  // namespace upconv::hdf5
