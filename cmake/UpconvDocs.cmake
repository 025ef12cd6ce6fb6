# Target docs (upconv_docs in a larger project): the API reference, in <build>/docs/html. A public name without
# documentation fails it.
find_program(UPCONV_DOXYGEN doxygen)
if(NOT UPCONV_DOXYGEN)
  return()
endif()

set(upconv_docs_input ${PROJECT_SOURCE_DIR}/docs/api.md ${UPCONV_INCLUDE_DIR}/upconv/framework/cuda_interop.h)
foreach(floor IN ITEMS framework kernels layers)
  get_target_property(headers upconv_${floor} HEADER_SET)
  list(APPEND upconv_docs_input ${headers})
endforeach()
list(JOIN upconv_docs_input "\" \\\n  \"" upconv_docs_input)
configure_file(cmake/Doxyfile.in Doxyfile @ONLY)

set(target docs)
if(NOT PROJECT_IS_TOP_LEVEL)
  set(target upconv_docs)
endif()
add_custom_target(${target} COMMAND ${UPCONV_DOXYGEN} ${PROJECT_BINARY_DIR}/Doxyfile
  COMMENT "API reference: ${PROJECT_BINARY_DIR}/docs/html/index.html" VERBATIM)
