# Settings of this project's own targets; nothing here reaches a consumer.
include(GNUInstallDirs)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(UPCONV_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual)
if(UPCONV_WARNINGS_AS_ERRORS)
  list(APPEND UPCONV_WARNINGS -Werror)
endif()

# Headers are included as <upconv/framework/tensor.h> in-tree and installed alike: in-tree, <upconv/...> is this link.
set(UPCONV_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${UPCONV_INCLUDE_DIR})
file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${UPCONV_INCLUDE_DIR}/upconv SYMBOLIC)

# Every public header must compile alone: target all_verify_interface_header_sets.
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})

# Installed programs and libraries find the libraries beside them, wherever the prefix is moved to.
if(BUILD_SHARED_LIBS)
  file(RELATIVE_PATH upconv_libdir_from_bindir ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(CMAKE_INSTALL_RPATH $ORIGIN $ORIGIN/${upconv_libdir_from_bindir})
endif()
