# HDF5's serial C library as the target upconv::hdf5. CMake's own module needs the C language enabled, which a
# CXX-only consumer has not; this one needs no language.
find_path(hdf5_c_INCLUDE_DIR hdf5.h PATH_SUFFIXES hdf5/serial)
find_library(hdf5_c_LIBRARY NAMES hdf5_serial hdf5 PATH_SUFFIXES hdf5/serial)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(hdf5_c REQUIRED_VARS hdf5_c_LIBRARY hdf5_c_INCLUDE_DIR)
mark_as_advanced(hdf5_c_INCLUDE_DIR hdf5_c_LIBRARY)

# What a static HDF5 was built with: its filters, as far as they are here.
set(hdf5_c_STATIC_LIBRARIES)
if(hdf5_c_LIBRARY MATCHES "\\.a$")
  foreach(name IN ITEMS sz aec z)
    find_library(hdf5_c_${name}_LIBRARY NAMES ${name})
    mark_as_advanced(hdf5_c_${name}_LIBRARY)
    if(hdf5_c_${name}_LIBRARY)
      list(APPEND hdf5_c_STATIC_LIBRARIES ${hdf5_c_${name}_LIBRARY})
    endif()
  endforeach()
  list(APPEND hdf5_c_STATIC_LIBRARIES ${CMAKE_DL_LIBS} m)
endif()

if(hdf5_c_FOUND AND NOT TARGET upconv::hdf5)
  add_library(upconv::hdf5 UNKNOWN IMPORTED)
  set_target_properties(upconv::hdf5 PROPERTIES IMPORTED_LOCATION "${hdf5_c_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${hdf5_c_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES "${hdf5_c_STATIC_LIBRARIES}")
endif()
