#if defined(__AVX512F__)

#define UPCONV_GEMM_EIGEN Eigen_avx512
#define UPCONV_GEMM kGemmAvx512
#include <upconv/kernels/cpu/gemm_eigen-inl.h>

#else  // not x86-64

#include <upconv/kernels/cpu/gemm_eigen.h>

namespace upconv::kernels::cpu {

const Gemm kGemmAvx512 = nullptr;

}  // namespace upconv::kernels::cpu

#endif
