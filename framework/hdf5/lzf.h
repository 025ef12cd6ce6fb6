#pragma once

#include <hdf5.h>

namespace upconv::hdf5 {

/// The number under which The HDF Group lists h5py's lzf filter.
inline constexpr int kLzfFilter = 32000;

/// Most bytes that one byte of lzf can become: a match of 264 bytes takes three, and literals more.
inline constexpr std::size_t kLzfMostExpansion = 264;

/// h5py's lzf filter, over liblzf.
H5Z_class2_t lzf_description();

}  // namespace upconv::hdf5
