# Cross-compiles for 64-bit Arm with the distribution's compiler (g++-aarch64-linux-gnu), against the libraries that
# tools/aarch64_sysroot.sh unpacks. Tests run under qemu-user. The preset `aarch64` uses it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(upconv_sysroot "${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot")
cmake_path(NORMAL_PATH upconv_sysroot)
set(CMAKE_FIND_ROOT_PATH "${upconv_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Where the linker finds the libraries that HDF5's needs in turn.
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,-rpath-link,${upconv_sysroot}/usr/lib/aarch64-linux-gnu")
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,-rpath-link,${upconv_sysroot}/lib/aarch64-linux-gnu")
set(CMAKE_SKIP_RPATH ON)  # qemu finds them below its -L
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L "${upconv_sysroot}")
