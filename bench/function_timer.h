#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <benchmark/benchmark.h>

#include <upconv/framework/context.h>

/// Times calls on either kind of device. Internal to the benchmarks.
namespace upconv::bench {

inline constexpr int kRounds = 7;

/// Works on the i-th of several sets of tensors.
using Call = std::function<void(std::size_t i)>;

/// Seconds of one call, the median of the benchmark's rounds, which go through `sets` sets of tensors.
double time_calls(benchmark::State& state, std::size_t sets, const Call& call, ExecutionContext& ctx);
/// Bytes a second, read and written, of a plain copy that leaves the caches.
double copy_rate(ExecutionContext& ctx);

// Their part for GPUs: gpu_function_timer.cpp, or no_gpu_function_timer.cpp, which throws DeviceError.
double time_calls_on_gpu(benchmark::State& state, std::size_t sets, const Call& call, ExecutionContext& ctx);
double gpu_copy_rate(ExecutionContext& ctx);

/// Of the samples, which it sorts.
double median(std::vector<double> samples);

}  // namespace upconv::bench
