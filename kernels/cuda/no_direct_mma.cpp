#include <upconv/kernels/cuda/direct_mma.h>

namespace upconv::kernels::cuda::direct_mma {

Launchers launchers() {
  return {};
}

}  // namespace upconv::kernels::cuda::direct_mma
