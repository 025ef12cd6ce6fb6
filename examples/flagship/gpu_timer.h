#pragma once

#include <functional>
#include <vector>

#include <upconv/framework/context.h>

namespace flagship {

/// As time_runs, for a context on a GPU, in the order of the runs. Events between the runs measure them, so
/// that the GPU never waits for the host. Throws: CudaError.
std::vector<double> time_by_events(upconv::ExecutionContext& ctx, int count,
                                   const std::function<void(int)>& run);

}  // namespace flagship
