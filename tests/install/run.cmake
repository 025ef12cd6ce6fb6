# One of the install tests; CMakeLists.txt passes `way` and where things are. Installs upconv, MOVES the prefix,
# and builds and runs README's quick start from there. Paths have spaces on purpose. The ways stand at the end.
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
  run(${CMAKE_COMMAND} --build ${directory} --parallel 2 --target ${target})
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
    # Where other libraries lie, it may say; in a .pc file, spaces have backslashes.
    string(REPLACE "\\ " " " text "${text}")
    string(REPLACE "${work}/libraries" "" text "${text}")
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
set(tests ${source}/tests/install)
set(prefix ${work}/moved)
set(target all)  # what configure_and_build builds
set(quick_start "${work}/quick start.cpp")
write_quick_start(${quick_start})

# A prefix with upconv as `build` installs it, moved after that.
function(install_and_move build)
  run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/installed)
  file(RENAME ${work}/installed ${prefix})
  check_prefix(${prefix})
  check_programs(${prefix})
endfunction()

# A build for this test alone, out of reach once it is installed.
function(build_and_install)
  configure_and_build(${source} ${work}/build -D UPCONV_BUILD_TESTS=OFF -D UPCONV_BUILD_EXAMPLES=OFF ${ARGN})
  install_and_move(${work}/build)
  file(RENAME ${work}/build "${work}/build out of reach")
endfunction()

# The user's program, in the folder `project` of this directory; other arguments go to its configuration.
function(build_consumer project)
  configure_and_build(${tests}/${project} ${work}/consumer -D QUICK_START=${quick_start} ${ARGN})
  check_compile_flags(${work}/consumer)
endfunction()

function(run_consumer)
  run(${work}/consumer/write_weights)
  run(${work}/consumer/quick_start)
endfunction()

# Compiles and links the user's program with pkg-config's flags and those given.
function(build_with_pkg_config)
  find_program(pkg_config pkg-config REQUIRED)
  file(MAKE_DIRECTORY ${work}/consumer)
  file(GLOB pc_directory "${prefix}/lib*/pkgconfig")
  set(ENV{PKG_CONFIG_PATH} ${pc_directory})
  run(${pkg_config} --static --cflags --libs upconv)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run(${compiler} -std=c++20 ${ARGN} -o ${work}/consumer/write_weights ${tests}/write_weights.cpp ${flags})
  run(${compiler} -std=c++20 ${ARGN} -o ${work}/consumer/quick_start ${quick_start} ${flags})
endfunction()

# Fails unless every program in `directory` is linked with -static.
function(check_is_static)
  find_program(readelf readelf REQUIRED)
  foreach(program IN LISTS ARGN)
    run(${readelf} --program-headers ${program})
    if(output MATCHES "INTERP")
      message(FATAL_ERROR "${program} is not linked statically")
    endif()
  endforeach()
endfunction()

if(way STREQUAL "static")  # find_package of what this build installs; also by a program that has Highway itself
  install_and_move(${build})
  build_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix})
  run_consumer()
  configure_and_build(${tests}/find_package "${work}/own highway" -D QUICK_START=${quick_start}
    -D CMAKE_PREFIX_PATH=${prefix} -D BEFORE_UPCONV=${tests}/own_highway.cmake)
elseif(way STREQUAL "shared")
  build_and_install(-D BUILD_SHARED_LIBS=ON -D UPCONV_CUDA=${cuda})
  build_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix})
  run_consumer()
elseif(way STREQUAL "pkg_config")
  find_program(pkg_config pkg-config)
  if(NOT pkg_config)
    message("SKIPPED: needs pkg-config")
    return()
  endif()
  install_and_move(${build})
  build_with_pkg_config()
  run_consumer()
elseif(way STREQUAL "static_program")  # programs linked with -static, all the way down to libc
  if(NOT EXISTS /usr/src/liblzf/lzf_d.c)
    message("SKIPPED: needs the sources of liblzf, which liblzf-dev puts into /usr/src/liblzf")
    return()
  endif()
  set(libraries ${work}/libraries)
  configure_and_build(${tests}/static_highway ${work}/highway)
  run(${CMAKE_COMMAND} --install ${work}/highway --prefix ${libraries})
  foreach(name IN ITEMS lzf_c lzf_d)
    run(${compiler} -x c -O1 -w -I/usr/include/liblzf -c /usr/src/liblzf/${name}.c -o ${name}.o)
  endforeach()
  run(ar rcs ${libraries}/lib/liblzf.a lzf_c.o lzf_d.o)
  build_and_install(-D UPCONV_CUDA=OFF -D UPCONV_USE_STATIC_LIBS=ON -D CMAKE_EXE_LINKER_FLAGS=-static
    -D CMAKE_PREFIX_PATH=${libraries})
  build_consumer(static_program "-DCMAKE_PREFIX_PATH=${prefix}\;${libraries}")
  run_consumer()
  file(GLOB programs "${prefix}/bin/*")
  check_is_static(${programs} ${work}/consumer/write_weights ${work}/consumer/quick_start)
  find_program(pkg_config pkg-config)
  if(pkg_config)
    build_with_pkg_config(-static)
    run_consumer()
  endif()
elseif(way STREQUAL "add_subdirectory")  # a program that has Highway itself, at a path with a space
  file(MAKE_DIRECTORY ${work}/vendor)
  file(CREATE_LINK ${source} "${work}/vendor/up conv" SYMBOLIC)
  build_consumer(add_subdirectory -D UPCONV_CUDA=${cuda} -D "UPCONV_SOURCE_DIR=${work}/vendor/up conv")
  run_consumer()
elseif(way STREQUAL "fetch_content")
  set(target write_weights)
  configure_and_build(${tests}/fetch_content ${work}/consumer -D UPCONV_CUDA=OFF -D UPCONV_SOURCE_DIR=${source})
  run(${work}/consumer/write_weights)
else()
  message(FATAL_ERROR "there is no way '${way}'")
endif()
