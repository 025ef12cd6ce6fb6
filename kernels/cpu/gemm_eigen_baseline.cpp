#define UPCONV_GEMM_EIGEN Eigen_baseline
#define UPCONV_GEMM kGemmBaseline
#include <upconv/kernels/cpu/gemm_eigen-inl.h>
