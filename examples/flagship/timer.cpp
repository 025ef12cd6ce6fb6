#include "flagship/timer.h"

#include <algorithm>
#include <chrono>

#include "flagship/gpu_timer.h"

namespace flagship {

namespace {

std::vector<double> time_by_clock(int count, const std::function<void(int)>& run) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run(i);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return seconds;
}

}  // namespace

std::vector<double> time_runs(upconv::ExecutionContext& ctx, int count, const std::function<void(int)>& run) {
  std::vector<double> seconds =
      ctx.device().is_cpu() ? time_by_clock(count, run) : time_by_events(ctx, count, run);
  std::ranges::sort(seconds);
  return seconds;
}

double median(const std::vector<double>& sorted) {
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace flagship
