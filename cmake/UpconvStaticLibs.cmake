# UPCONV_USE_STATIC_LIBS: between these two calls only static libraries are found. The installed package uses them, too.
macro(upconv_find_static_libs_begin)
  set(upconv_library_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
  if(UPCONV_USE_STATIC_LIBS)
    set(CMAKE_FIND_LIBRARY_SUFFIXES ${CMAKE_STATIC_LIBRARY_SUFFIX})
  endif()
endmacro()
macro(upconv_find_static_libs_end)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ${upconv_library_suffixes})
endmacro()

# Highway's package holds either its static or its shared library.
function(upconv_check_static_highway)
  get_target_property(type hwy::hwy TYPE)
  if(UPCONV_USE_STATIC_LIBS AND type STREQUAL "SHARED_LIBRARY")
    message(FATAL_ERROR "UPCONV_USE_STATIC_LIBS: this Highway is a shared library, as Debian packs it. Build Highway "
      "with BUILD_SHARED_LIBS=OFF and put its prefix first in CMAKE_PREFIX_PATH, or set hwy_DIR to the folder of its "
      "hwy-config.cmake")
  endif()
endfunction()
