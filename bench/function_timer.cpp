#include "function_timer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace upconv::bench {

namespace {

constexpr double kRoundSeconds = 0.1;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

double median(std::vector<double> samples) {
  std::ranges::sort(samples);
  return samples[samples.size() / 2];
}

double time_calls(benchmark::State& state, std::size_t sets, const Call& call, ExecutionContext& ctx) {
  if (!ctx.device().is_cpu()) return time_calls_on_gpu(state, sets, call, ctx);
  const auto round = [&](std::size_t calls) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls; ++i)
      call(i % sets);
    return seconds_since(begin) / static_cast<double>(calls);
  };
  round(sets);  // touches all memory
  const auto calls = static_cast<std::size_t>(kRoundSeconds / round(sets)) + 1;
  std::vector<double> samples;
  for (auto _ : state) {
    samples.push_back(round(calls));
    state.SetIterationTime(samples.back());
  }
  return median(std::move(samples));
}

double copy_rate(ExecutionContext& ctx) {
  if (!ctx.device().is_cpu()) return gpu_copy_rate(ctx);
  const auto threads = static_cast<std::size_t>(ctx.num_threads());
  const std::size_t part = (std::size_t{256} << 20) / threads;
  std::vector<char> from(part * threads, 1), to(part * threads);
  double best = 0;
  for (int round = 0; round < 6; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < threads; ++t)
      workers.emplace_back([&, t] { std::memcpy(&to[t * part], &from[t * part], part); });
    for (std::thread& worker : workers)
      worker.join();
    best = std::max(best, 2.0 * static_cast<double>(from.size()) / seconds_since(begin));
  }
  return best;
}

}  // namespace upconv::bench
