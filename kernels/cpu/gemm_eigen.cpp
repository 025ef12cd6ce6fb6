#include <upconv/kernels/cpu/gemm_eigen.h>
#include <upconv/kernels/cpu/simd.h>

namespace upconv::kernels::cpu {

Gemm best_gemm() {
#if HWY_ARCH_X86
  const std::int64_t targets = hwy::SupportedTargets();
  if (kGemmAvx512 && (targets & HWY_AVX3)) return kGemmAvx512;
  if (kGemmAvx2 && (targets & HWY_AVX2)) return kGemmAvx2;
#endif
  return kGemmBaseline;
}

}  // namespace upconv::kernels::cpu
