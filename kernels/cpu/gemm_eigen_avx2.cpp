#if defined(__AVX2__)

#define UPCONV_GEMM_EIGEN Eigen_avx2
#define UPCONV_GEMM kGemmAvx2
#include <upconv/kernels/cpu/gemm_eigen-inl.h>

#else  // not x86-64

#include <upconv/kernels/cpu/gemm_eigen.h>

namespace upconv::kernels::cpu {

const Gemm kGemmAvx2 = nullptr;

}  // namespace upconv::kernels::cpu

#endif
