#include <algorithm>
#include <array>
#include <limits>

#include <upconv/framework/error.h>
#include <upconv/framework/hdf5/chunks.h>
#include <upconv/framework/hdf5/dataset.h>
#include <upconv/framework/hdf5/filters.h>
#include <upconv/framework/hdf5/lzf.h>
#include <upconv/framework/message.h>

namespace upconv::hdf5 {

namespace {

void describe_layout(hid_t dcpl, Hdf5Entry& entry) {
  switch (H5Pget_layout(dcpl)) {
    case H5D_COMPACT:
      entry.layout = "compact";
      break;
    case H5D_CONTIGUOUS:
      entry.layout = "contiguous";
      break;
    case H5D_CHUNKED:
      entry.layout = "chunked";
      break;
    case H5D_VIRTUAL:
      entry.layout = "virtual";
      throw LoadError(
          "is a virtual dataset, put together from other files: store the values themselves in this file");
    default:
      throw LoadError("has a layout that this build of HDF5 does not know");
  }
  const int external_files = H5Pget_external_count(dcpl);
  check(external_files, "look for external storage");
  if (external_files > 0)
    throw LoadError("keeps its values in another file (external storage): store them in this file");
}

Shape read_shape(hid_t space) {
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind == H5S_NULL) throw LoadError("has no values at all (a null dataspace, h5py.Empty)");
  if (kind != H5S_SCALAR && kind != H5S_SIMPLE) throw LoadError("has a shape that HDF5 cannot read");
  const int rank = H5Sget_simple_extent_ndims(space);
  check(rank, "read a dataset's rank");
  if (rank > Shape::kMaxRank)
    throw LoadError(message("has ", rank, " dimensions, at most ", Shape::kMaxRank, " are allowed"));
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  check(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), "read a dataset's shape");
  std::array<std::int64_t, Shape::kMaxRank> result{};
  for (int i = 0; i < rank; ++i) {
    if (sizes[i] > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()))
      throw LoadError(message("declares a dimension of ", sizes[i], " elements"));
    result[i] = static_cast<std::int64_t>(sizes[i]);
  }
  try {
    return Shape(std::span<const std::int64_t>(result.data(), static_cast<std::size_t>(rank)));
  } catch (const ShapeError& error) {
    throw LoadError(message("cannot be held: ", error.what()));
  }
}

/// Bytes of `count` elements. Throws: LoadError beyond the cap.
std::uint64_t capped_bytes(const Shape& shape, std::size_t element_bytes, std::uint64_t cap) {
  const auto count = static_cast<std::uint64_t>(shape.numel());
  if (count > cap / element_bytes) {
    throw LoadError(message("declares shape ", shape, ", more than the ", cap,
                            " bytes that one entry may have: raise max_tensor_bytes if that is meant"));
  }
  return count * element_bytes;
}

/// A dataset that is one piece: its size must be right, and its place within the file.
void check_one_piece(hid_t dataset, std::uint64_t file_bytes, std::uint64_t wanted, const Hdf5Entry& entry) {
  if (entry.stored_bytes != wanted) {
    throw LoadError(message("declares shape ", entry.shape, ", which takes ", wanted,
                            " bytes, but the file stores ", entry.stored_bytes,
                            entry.stored_bytes == 0 ? ": its values were never written" : ""));
  }
  if (entry.layout != "contiguous" || wanted == 0) return;
  const haddr_t address = H5Dget_offset(dataset);
  if (wanted > file_bytes || address > file_bytes - wanted)  // also when there is no address
    throw LoadError(message("declares ", wanted, " bytes that lie beyond the end of the file"));
}

}  // namespace

void describe_dataset(hid_t dataset, std::uint64_t file_bytes, const Hdf5ReadOptions& options, Found& found) {
  Hdf5Entry& entry = found.entry;
  const Handle type = checked(H5Dget_type(dataset), "read a dataset's type");
  entry.stored_type = describe_type(type.get());
  // The layout first: to ask a virtual dataset for its shape can open the files that it is made of.
  const Handle dcpl = checked(H5Dget_create_plist(dataset), "read a dataset's properties");
  describe_layout(dcpl.get(), entry);
  const Handle space = checked(H5Dget_space(dataset), "read a dataset's shape");
  entry.shape = read_shape(space.get());
  entry.stored_bytes = H5Dget_storage_size(dataset);

  const StoredType stored = classify_type(type.get(), dataset);
  entry.dtype = stored.dtype;
  const std::uint64_t wanted = capped_bytes(entry.shape, stored.bytes, options.max_tensor_bytes);
  capped_bytes(entry.shape, size_of(stored.dtype), options.max_tensor_bytes);
  if (entry.layout == "chunked") {
    std::array<hsize_t, Shape::kMaxRank> chunk{};
    const int rank = H5Pget_chunk(dcpl.get(), Shape::kMaxRank, chunk.data());
    check(rank, "read the size of chunks");
    entry.chunk.assign(chunk.begin(), chunk.begin() + std::min(rank, Shape::kMaxRank));
    entry.filters = describe_filters(dcpl.get());
    if (wanted > 0) check_chunks(dataset, file_bytes, options.max_chunks, entry);
  } else {
    check_one_piece(dataset, file_bytes, wanted, entry);
  }
  found.type = stored;
}

void read_dataset(hid_t file, std::uint64_t file_bytes, const Found& found, TensorView values) {
  const Hdf5Entry& entry = found.entry;
  if (values.numel() == 0) return;
  // Before the dataset, so that none is open when the filter goes again.
  std::optional<RegisteredFilter> lzf;
  const bool uses_lzf = std::ranges::find(entry.filters, "lzf") != entry.filters.end();
  if (uses_lzf && H5Zfilter_avail(kLzfFilter) <= 0) lzf.emplace(lzf_description());
  const Handle dataset =
      checked(H5Dopen2(file, entry.path.c_str(), inside_the_file().get()), "open a dataset");
  if (!entry.filters.empty()) check_decoded_chunks(dataset.get(), file_bytes);

  // Memory and file type are the same, so that the library copies and converts nothing. Size and shape are
  // those that were checked: without locking, another program may have changed the dataset since.
  const Handle type = checked(H5Dget_type(dataset.get()), "read a dataset's type");
  if (H5Tget_size(type.get()) != found.type->bytes) throw LoadError("changed while it was read");
  std::array<hsize_t, Shape::kMaxRank> sizes{};
  std::ranges::copy(entry.shape, sizes.begin());
  const Handle space =
      checked(entry.shape.rank() == 0 ? H5Screate(H5S_SCALAR)
                                      : H5Screate_simple(entry.shape.rank(), sizes.data(), nullptr),
              "make a shape");
  const bool same_size = found.type->bytes == size_of(values.dtype());
  std::vector<std::byte> raw(same_size ? 0 : static_cast<std::size_t>(values.numel()) * found.type->bytes);
  auto* target = same_size ? static_cast<std::byte*>(values.raw()) : raw.data();
  check(H5Dread(dataset.get(), type.get(), space.get(), H5S_ALL, H5P_DEFAULT, target), "read a dataset");
  decode(*found.type, target, values);
}

}  // namespace upconv::hdf5
