# liblzf, the decompressor of h5py's lzf filter, as the target upconv::lzf.
find_path(lzf_INCLUDE_DIR lzf.h PATH_SUFFIXES liblzf lzf)
find_library(lzf_LIBRARY NAMES lzf)
include(FindPackageHandleStandardArgs)
set(lzf_why)
if(UPCONV_USE_STATIC_LIBS)
  set(lzf_why "Debian packs liblzf as a shared library only, and its sources, from which liblzf.a is quickly built, in "
    "/usr/src/liblzf")
  list(JOIN lzf_why "" lzf_why)
endif()
find_package_handle_standard_args(lzf REQUIRED_VARS lzf_LIBRARY lzf_INCLUDE_DIR REASON_FAILURE_MESSAGE "${lzf_why}")
mark_as_advanced(lzf_INCLUDE_DIR lzf_LIBRARY)
if(lzf_FOUND AND NOT TARGET upconv::lzf)
  add_library(upconv::lzf UNKNOWN IMPORTED)
  set_target_properties(upconv::lzf PROPERTIES IMPORTED_LOCATION "${lzf_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${lzf_INCLUDE_DIR}")
endif()
