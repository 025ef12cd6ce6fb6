# The installed package: libraries, public headers, CMake package, pkg-config file, exporter, licence and documents.
include(CMakePackageConfigHelpers)

set(upconv_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/upconv)
install(TARGETS upconv upconv_framework upconv_kernels upconv_layers
  EXPORT upconv-targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILE_SET interop_headers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(upconv_libexec_dir ${CMAKE_INSTALL_LIBEXECDIR}/upconv)
install(TARGETS upconv-read-hdf5 EXPORT upconv-targets RUNTIME DESTINATION ${upconv_libexec_dir})
if(BUILD_SHARED_LIBS)
  file(RELATIVE_PATH upconv_libdir_from_libexec
    ${CMAKE_INSTALL_FULL_LIBEXECDIR}/upconv ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(upconv-read-hdf5 PROPERTIES INSTALL_RPATH $ORIGIN/${upconv_libdir_from_libexec})
endif()
install(EXPORT upconv-targets NAMESPACE upconv:: DESTINATION ${upconv_cmake_dir})

configure_package_config_file(cmake/upconv-config.cmake.in upconv-config.cmake
  INSTALL_DESTINATION ${upconv_cmake_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(upconv-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/upconv-config.cmake ${PROJECT_BINARY_DIR}/upconv-config-version.cmake
  cmake/Findhdf5_c.cmake cmake/Findlzf.cmake cmake/UpconvStaticLibs.cmake DESTINATION ${upconv_cmake_dir})

# pkg-config: a static build names the libraries it was configured with, for the consumer's link.
set(upconv_highway hwy)
get_target_property(upconv_highway_is_imported hwy::hwy IMPORTED)
if(upconv_highway_is_imported)
  get_target_property(upconv_highway hwy::hwy LOCATION)
endif()
set(upconv_private_libraries ${hdf5_c_LIBRARY} ${lzf_LIBRARY} ${hdf5_c_STATIC_LIBRARIES} ${upconv_highway})
list(TRANSFORM OpenMP_CXX_LIB_NAMES PREPEND -l OUTPUT_VARIABLE upconv_openmp_libraries)
list(APPEND upconv_private_libraries ${upconv_openmp_libraries})
if(UPCONV_WITH_CUDA)
  list(APPEND upconv_private_libraries ${CUDA_cudart_static_LIBRARY} -ldl -lrt -lpthread)
endif()
# As -L and -l: only in this form do paths with spaces come through pkg-config.
string(REPLACE " " "\\ " upconv_private_libraries "${upconv_private_libraries}")
list(TRANSFORM upconv_private_libraries REPLACE "^(.*)/lib([^/]+)\\.(a|so[.0-9]*)$" "-L\\1 -l\\2")
list(TRANSFORM upconv_private_libraries REPLACE "^[a-z]+$" "-l\\0")
list(JOIN upconv_private_libraries " " upconv_private_libraries)
file(RELATIVE_PATH upconv_prefix_from_pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" upconv_prefix_from_pkgconfig ${upconv_prefix_from_pkgconfig})
configure_file(cmake/upconv.pc.in upconv.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/upconv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(PROGRAMS tools/export_hdf5.py DESTINATION ${CMAKE_INSTALL_DATADIR}/upconv)
install(FILES
  tools/upconv_export/__init__.py
  tools/upconv_export/checkpoint.py
  tools/upconv_export/choose.py
  tools/upconv_export/file_kinds.py
  tools/upconv_export/folding.py
  tools/upconv_export/rules.py
  tools/upconv_export/tensors.py
  tools/upconv_export/unpickler.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/upconv/upconv_export)
if(UPCONV_BUILD_TOOLS)
  install(TARGETS upconv-inspect RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(UPCONV_BUILD_EXAMPLES)
  install(TARGETS flagship upconv-restore upscale RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES examples/flagship/weights/flagship.h5 examples/restore/weights/restorer.h5
    examples/upscale/weights/fsrcnn_x2.h5
    DESTINATION ${CMAKE_INSTALL_DATADIR}/upconv)
endif()
