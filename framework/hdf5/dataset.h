#pragma once

#include <cstdint>
#include <optional>

#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/framework/hdf5/library.h>
#include <upconv/framework/hdf5/types.h>

namespace upconv::hdf5 {

/// An entry of a file, and how its elements are stored if it can be read.
struct Found {
  Hdf5Entry entry;
  std::optional<StoredType> type;
};

/// Fills in everything about an open dataset but its name, from metadata alone, and checks that the file
/// really holds what the dataset declares. Throws: LoadError on the first thing that upconv refuses, having
/// filled in what it found before.
void describe_dataset(hid_t dataset, std::uint64_t file_bytes, const Hdf5ReadOptions& options, Found& found);

/// Reads a dataset that describe_dataset accepted into `values`, which has its shape and dtype.
/// Throws: LoadError.
void read_dataset(hid_t file, std::uint64_t file_bytes, const Found& found, TensorView values);

}  // namespace upconv::hdf5
