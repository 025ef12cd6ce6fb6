#pragma once

namespace upconv::hdf5 {

/// The number under which The HDF Group lists h5py's lzf filter.
inline constexpr int kLzfFilter = 32000;

/// Registers h5py's lzf filter, over liblzf, with the HDF5 library, unless the process has one already.
void register_lzf();

}  // namespace upconv::hdf5
