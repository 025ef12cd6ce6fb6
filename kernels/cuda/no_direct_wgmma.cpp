#include <upconv/kernels/cuda/direct_wgmma.h>

namespace upconv::kernels::cuda::direct_wgmma {

Launchers launchers() {
  return {};
}

}  // namespace upconv::kernels::cuda::direct_wgmma
