#include <cstdlib>
#include <limits>

#include <hdf5.h>
#include <lzf.h>

#include <upconv/framework/hdf5/lzf.h>

/// h5py's lzf filter. Its client data are [filter revision, liblzf version, bytes of a chunk]; a chunk that
/// does not shrink is stored plain, which the library marks in the chunk's filter mask.
/// Source: h5py's lzf_filter.c (the stored form only).
namespace upconv::hdf5 {

namespace {

constexpr unsigned kFilterRevision = 4;

herr_t set_local(hid_t dcpl, hid_t type, hid_t) {
  hsize_t sizes[H5S_MAX_RANK];
  const int rank = H5Pget_chunk(dcpl, H5S_MAX_RANK, sizes);
  if (rank < 0) return -1;
  hsize_t bytes = H5Tget_size(type);
  for (int i = 0; i < rank; ++i)
    bytes *= sizes[i];
  if (bytes == 0 || bytes > std::numeric_limits<unsigned>::max()) return -1;
  const unsigned values[] = {kFilterRevision, LZF_VERSION, static_cast<unsigned>(bytes)};
  unsigned flags = 0;
  std::size_t count = 0;
  if (H5Pget_filter_by_id2(dcpl, kLzfFilter, &flags, &count, nullptr, 0, nullptr, nullptr) < 0) return -1;
  return H5Pmodify_filter(dcpl, kLzfFilter, flags, 3, values);
}

std::size_t refuse(const char* why) {
  H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_PLINE, H5E_CANTFILTER, "%s", why);
  return 0;
}

std::size_t compress(std::size_t bytes, std::size_t* buffer_bytes, void** buffer) {
  void* output = std::malloc(bytes);
  if (output == nullptr) return 0;
  // Room for one byte less than the input: data that do not shrink are then stored plain.
  const unsigned used =
      lzf_compress(*buffer, static_cast<unsigned>(bytes), output, static_cast<unsigned>(bytes) - 1);
  if (used == 0) {
    std::free(output);
    return 0;
  }
  std::free(*buffer);
  *buffer = output;
  *buffer_bytes = bytes;
  return used;
}

std::size_t decompress(std::size_t chunk_bytes, std::size_t bytes, std::size_t* buffer_bytes, void** buffer) {
  if (chunk_bytes == 0 || chunk_bytes / kLzfMostExpansion > bytes) {
    return refuse("an lzf chunk declares more bytes than its data can hold");
  }
  void* output = std::malloc(chunk_bytes);
  if (output == nullptr) return refuse("out of memory in the lzf filter");
  const unsigned used =
      lzf_decompress(*buffer, static_cast<unsigned>(bytes), output, static_cast<unsigned>(chunk_bytes));
  if (used != chunk_bytes) {
    std::free(output);
    return refuse("an lzf chunk is damaged: it does not decompress to the size of a chunk");
  }
  std::free(*buffer);
  *buffer = output;
  *buffer_bytes = chunk_bytes;
  return used;
}

std::size_t filter(unsigned flags, std::size_t value_count, const unsigned* values, std::size_t bytes,
                   std::size_t* buffer_bytes, void** buffer) {
  if (bytes == 0 || bytes > std::numeric_limits<unsigned>::max()) return refuse("lzf cannot take this size");
  if ((flags & H5Z_FLAG_REVERSE) == 0) return compress(bytes, buffer_bytes, buffer);
  if (value_count < 3) return refuse("the lzf filter lacks the size of a chunk: an h5py before 1.2 wrote it");
  return decompress(values[2], bytes, buffer_bytes, buffer);
}

}  // namespace

H5Z_class2_t lzf_description() {
  return {H5Z_CLASS_T_VERS, kLzfFilter, 1, 1, "lzf", nullptr, set_local, filter};
}

}  // namespace upconv::hdf5
