#pragma once

namespace upconv::kernels::cpu {

/// To be called before threads are started: OpenMP's threads wait for work inside its library, which must not
/// be unloaded with a plugin that upconv is part of.
void keep_openmp_loaded();

}  // namespace upconv::kernels::cpu
