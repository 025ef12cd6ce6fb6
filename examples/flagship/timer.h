#pragma once

#include <functional>
#include <vector>

#include <upconv/framework/context.h>

namespace flagship {

/// Calls `run(0)` ... `run(count - 1)`, which give work to the context, and measures each: by the clock on
/// the CPU, by events in the context's stream on a GPU. In seconds, sorted.
std::vector<double> time_runs(upconv::ExecutionContext& ctx, int count, const std::function<void(int)>& run);

/// Of sorted values.
double median(const std::vector<double>& sorted);

}  // namespace flagship
