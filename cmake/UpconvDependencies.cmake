# What the library needs. All of it is private: no public header includes any of these.
# A static build needs them again at the consumer's link; upconv-config.cmake.in finds them there.
find_package(hdf5_c REQUIRED)
find_package(lzf REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(hwy REQUIRED CONFIG)
find_package(OpenMP REQUIRED COMPONENTS CXX)
