#pragma once

#include <cstdint>

#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/hdf5/library.h>

namespace upconv::hdf5 {

/// Checks that every chunk of a dataset is in the file, lies within it, and has
/// a size that its filters can have made; if no filter changed it, that of a chunk: the library would fill
/// the rest with whatever is in memory. Throws: LoadError.
void check_chunks(hid_t dataset, std::uint64_t file_bytes, std::size_t max_chunks, const Hdf5Entry& entry);

/// Checks that every filtered chunk decodes to the size of a chunk, for the same reason, by decoding it.
/// Throws: LoadError, also on a damaged chunk.
void check_decoded_chunks(hid_t dataset, std::uint64_t file_bytes);

}  // namespace upconv::hdf5
