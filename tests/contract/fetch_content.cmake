# README's way by FetchContent, with this source tree in the place of the download: it must configure. What it would
# build is built by the test install.add_subdirectory.
include(${CMAKE_CURRENT_LIST_DIR}/extract.cmake)

file(REMOVE_RECURSE ${work})
file(COPY ${source}/examples/quick_start/main.cpp DESTINATION ${work})
file(READ ${source}/examples/quick_start/CMakeLists.txt project)
extract_code(${source}/README.md cmake 2 fetch)
string(REPLACE "find_package(upconv REQUIRED)\n" "${fetch}" project "${project}")
file(WRITE ${work}/CMakeLists.txt "${project}")
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${work} -B ${work}/build -G ${generator} -D CMAKE_CXX_COMPILER=${compiler}
    -D FETCHCONTENT_SOURCE_DIR_UPCONV=${source} -D UPCONV_CUDA=OFF
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
