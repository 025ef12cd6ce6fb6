#include <omp.h>

#include <upconv/framework/keep_loaded.h>
#include <upconv/kernels/cpu/keep_openmp.h>

namespace upconv::kernels::cpu {

void keep_openmp_loaded() {
  static const bool kept = [] {
    keep_loaded(reinterpret_cast<const void*>(&omp_get_max_threads));
    return true;
  }();
  static_cast<void>(kept);
}

}  // namespace upconv::kernels::cpu
