#include "function_timer.h"

#include <upconv/framework/error.h>

// A build without CUDA.
namespace upconv::bench {

double time_calls_on_gpu(benchmark::State&, std::size_t, const Call&, ExecutionContext&) {
  throw DeviceError("this build has no CUDA: configure with -DUPCONV_CUDA=ON");
}

double gpu_copy_rate(ExecutionContext&) {
  throw DeviceError("this build has no CUDA: configure with -DUPCONV_CUDA=ON");
}

}  // namespace upconv::bench
