#include <upconv/kernels/cuda/direct_mma.h>

namespace upconv::kernels::cuda::direct_mma {

Launchers launchers() {
  return {.tf32 = launch_tf32, .f16 = launch_f16, .bf16 = launch_bf16, .fp32 = launch_fp32};
}

}  // namespace upconv::kernels::cuda::direct_mma
