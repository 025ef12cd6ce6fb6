# Settings of this project's own targets; nothing here reaches a consumer.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(UPCONV_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual)
option(UPCONV_WARNINGS_AS_ERRORS "Stop at the first warning" OFF)
if(UPCONV_WARNINGS_AS_ERRORS)
  list(APPEND UPCONV_WARNINGS -Werror)
endif()

# Headers are included as <upconv/framework/tensor.h> in-tree and installed alike: in-tree, <upconv/...> is this link.
set(UPCONV_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${UPCONV_INCLUDE_DIR})
file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${UPCONV_INCLUDE_DIR}/upconv SYMBOLIC)
