# Decides whether CUDA is used: UPCONV_WITH_CUDA. UPCONV_CUDA=AUTO takes the toolkit where it is found; /usr/local/cuda
# is looked at even if it is not on the PATH. The host's GPU is never asked: the same options give the same binary
# everywhere.
set(upconv_cuda_minimum 12.5)  # C++20, sm_90a, and the driver's entry points by version

set(UPCONV_WITH_CUDA FALSE)
if(UPCONV_CUDA STREQUAL "AUTO")
  find_package(CUDAToolkit ${upconv_cuda_minimum} QUIET)
elseif(UPCONV_CUDA)
  find_package(CUDAToolkit ${upconv_cuda_minimum} REQUIRED)
endif()
if(UPCONV_CUDA AND CUDAToolkit_FOUND)
  # Of cuBLASLt only the header: a process loads the library when it is first used.
  find_path(UPCONV_CUBLASLT_INCLUDE_DIR cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
  mark_as_advanced(UPCONV_CUBLASLT_INCLUDE_DIR)
  if(TARGET CUDA::cudart_static AND UPCONV_CUBLASLT_INCLUDE_DIR AND CUDAToolkit_NVCC_EXECUTABLE)
    set(UPCONV_WITH_CUDA TRUE)
  elseif(NOT UPCONV_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "upconv: the CUDA toolkit in ${CUDAToolkit_BIN_DIR} lacks nvcc, libcudart_static.a or "
      "cublasLt.h. Install the whole toolkit, or configure with -DUPCONV_CUDA=OFF")
  endif()
endif()

if(UPCONV_WITH_CUDA)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  # Every GPU from Ampere on: machine code up to Hopper, PTX for what comes after (sm_90a code runs on Hopper alone).
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90a-real 90-virtual)
  endif()
  message(STATUS "upconv: with CUDA ${CUDAToolkit_VERSION}")
  enable_language(CUDA)
  # CMake 3.25 knows no CUDA_STANDARD 20. Formulas that host and device share are constexpr functions.
  set(UPCONV_CUDA_OPTIONS -std=c++20 --expt-relaxed-constexpr -Xcompiler=-Wall)
  if(UPCONV_WARNINGS_AS_ERRORS)
    list(APPEND UPCONV_CUDA_OPTIONS -Werror=all-warnings)
  endif()
  # A kernel for every shape adds up: packed tightly, they are a third as large.
  if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.8)
    list(APPEND UPCONV_CUDA_OPTIONS --compress-mode=size)
  else()
    list(APPEND UPCONV_CUDA_OPTIONS -Xfatbin=-compress-all)
  endif()
else()
  message(STATUS "upconv: without CUDA")
endif()
