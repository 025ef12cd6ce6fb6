# upconv_add_library(<floor> SOURCES <file>... HEADERS <public header>...)
# One floor of the library: target upconv_<floor>, exported as upconv::<floor>. Only HEADERS are installed.
function(upconv_add_library floor)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS")
  set(target upconv_${floor})
  list(TRANSFORM arg_HEADERS PREPEND ${UPCONV_INCLUDE_DIR}/upconv/${floor}/)
  add_library(${target} ${arg_SOURCES})
  add_library(upconv::${floor} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${UPCONV_INCLUDE_DIR} FILES ${arg_HEADERS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${UPCONV_WARNINGS}>")
  # A shared library keeps the static libraries inside it to itself.
  target_link_options(${target} PRIVATE $<$<BOOL:${BUILD_SHARED_LIBS}>:LINKER:--exclude-libs,ALL>)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${floor} POSITION_INDEPENDENT_CODE ON
    DEFINE_SYMBOL "" CXX_EXTENSIONS OFF
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()
