# What the library needs. All of it is private: no public header includes any of these.
# A static build needs them again at the consumer's link; upconv-config.cmake.in finds them there.
# A target that the project around this one has made itself is used as it is: looking for the package again would
# make it twice.
option(UPCONV_USE_STATIC_LIBS "Link the static libraries of what upconv needs, for a program linked with -static" OFF)
include(UpconvStaticLibs)

upconv_find_static_libs_begin()
find_package(hdf5_c REQUIRED)
find_package(lzf REQUIRED)
if(NOT TARGET OpenMP::OpenMP_CXX)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()
upconv_find_static_libs_end()
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 REQUIRED NO_MODULE)
endif()
if(NOT TARGET hwy::hwy)
  if(TARGET hwy)  # Highway's sources as a part of the same build
    add_library(hwy::hwy ALIAS hwy)
  else()
    find_package(hwy REQUIRED CONFIG)
  endif()
endif()
upconv_check_static_highway()
