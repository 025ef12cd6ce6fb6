# One of the install tests; CMakeLists.txt passes `way` and where things are. Installs upconv, MOVES the prefix,
# and builds and runs README's quick start from there. Paths have spaces on purpose.
cmake_minimum_required(VERSION 3.25)

function(run)
  list(JOIN ARGN " " command)
  message(STATUS "${command}")
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${command}\nfailed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Without optimisation and for one GPU architecture: what is tested here is that the pieces fit together.
function(configure_and_build project directory)
  set(ENV{CUDAARCHS} 80-real)
  run(${CMAKE_COMMAND} -S ${project} -B ${directory} -G ${generator} -D CMAKE_BUILD_TYPE=Debug
    -D CMAKE_CXX_FLAGS_DEBUG=-O0 -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_EXPORT_COMPILE_COMMANDS=ON ${ARGN})
  run(${CMAKE_COMMAND} --build ${directory} --parallel 2)
endfunction()

# Copies the first C++ program of README, as it stands there.
function(write_quick_start file)
  file(READ ${source}/README.md readme)
  string(FIND "${readme}" "```cpp\n" begin)
  string(SUBSTRING "${readme}" ${begin} -1 readme)
  string(FIND "${readme}" "\n```\n" end)
  math(EXPR length "${end} - 6")
  string(SUBSTRING "${readme}" 7 ${length} program)
  file(WRITE ${file} "${program}")
endfunction()

# What a prefix holds: the public headers and nothing that points back to where it was built or installed.
function(check_prefix directory)
  file(GLOB_RECURSE internal "${directory}/include/upconv/kernels/cpu/*" "${directory}/include/upconv/kernels/cuda/*"
    "${directory}/include/upconv/framework/cuda_runtime.h" "${directory}/include/upconv/framework/hdf5/*"
    "${directory}/*.cpp" "${directory}/*.cu")
  list(REMOVE_ITEM internal "${directory}/include/upconv/framework/hdf5/hdf5.h")
  if(internal)
    message(FATAL_ERROR "these must not be installed: ${internal}")
  endif()
  file(GLOB_RECURSE texts "${directory}/*.cmake" "${directory}/*.pc")
  foreach(file IN LISTS texts)
    file(READ "${file}" text)
    foreach(path IN ITEMS "${source}" "${work}")
      string(FIND "${text}" "${path}" found)
      if(NOT found EQUAL -1)
        message(FATAL_ERROR "${file} names ${path}, so the package cannot be moved")
      endif()
    endforeach()
  endforeach()
endfunction()

# The compile line of the user's program has C++20 and upconv's include directory from us, and nothing else.
function(check_compile_flags directory)
  file(STRINGS "${directory}/compile_commands.json" commands REGEX "\"command\".*quick start")
  if(NOT commands MATCHES "-std=" OR commands MATCHES " -(fopenmp|m[a-z]|D|I ?/usr|isystem ?/usr)")
    message(FATAL_ERROR "flags leak to the user's program: ${commands}")
  endif()
endfunction()

# Installed programs must find their libraries in the moved prefix.
function(check_programs directory)
  file(GLOB programs "${directory}/bin/*")
  foreach(program IN LISTS programs)
    run(${program} --help)
  endforeach()
endfunction()

file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})
set(prefix ${work}/moved)
set(quick_start "${work}/quick start.cpp")
write_quick_start(${quick_start})

if(way STREQUAL "pkg_config")
  find_program(pkg_config pkg-config)
  if(NOT pkg_config)
    message("SKIPPED: there is no pkg-config here")
    return()
  endif()
endif()

if(NOT way STREQUAL "add_subdirectory")
  if(NOT build)
    set(build ${work}/build)
    configure_and_build(${source} ${build} -D BUILD_SHARED_LIBS=ON -D UPCONV_CUDA=${cuda}
      -D UPCONV_BUILD_TESTS=OFF -D UPCONV_BUILD_EXAMPLES=OFF)
  endif()
  run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/installed)
  file(RENAME ${work}/installed ${prefix})
  if(build STREQUAL "${work}/build")
    file(RENAME ${build} "${work}/build out of reach")
  endif()
  check_prefix(${prefix})
  check_programs(${prefix})
endif()

set(consumer ${source}/tests/install)
if(way STREQUAL "add_subdirectory")
  # From a path with a space, through a link so that nothing is copied.
  file(MAKE_DIRECTORY ${work}/vendor)
  file(CREATE_LINK ${source} "${work}/vendor/up conv" SYMBOLIC)
  configure_and_build(${consumer}/add_subdirectory ${work}/consumer -D UPCONV_CUDA=${cuda}
    -D QUICK_START=${quick_start} -D "UPCONV_SOURCE_DIR=${work}/vendor/up conv")
elseif(way STREQUAL "pkg_config")
  file(MAKE_DIRECTORY ${work}/consumer)
  file(GLOB pc_directory "${prefix}/lib*/pkgconfig")
  set(ENV{PKG_CONFIG_PATH} ${pc_directory})
  run(${pkg_config} --static --cflags --libs upconv)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run(${compiler} -std=c++20 -o ${work}/consumer/write_weights ${consumer}/write_weights.cpp ${flags})
  run(${compiler} -std=c++20 -o ${work}/consumer/quick_start ${quick_start} ${flags})
else()
  configure_and_build(${consumer}/find_package ${work}/consumer -D CMAKE_PREFIX_PATH=${prefix}
    -D QUICK_START=${quick_start})
endif()
if(NOT way STREQUAL "pkg_config")
  check_compile_flags(${work}/consumer)
endif()

run(${work}/consumer/write_weights)
run(${work}/consumer/quick_start)
