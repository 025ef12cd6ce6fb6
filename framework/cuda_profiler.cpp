#include <nvtx3/nvToolsExt.h>

#include <upconv/framework/profiler.h>

namespace upconv {

ProfilerRange::ProfilerRange(const char* name) noexcept {
  nvtxRangePushA(name);
}

ProfilerRange::~ProfilerRange() {
  nvtxRangePop();
}

}  // namespace upconv
