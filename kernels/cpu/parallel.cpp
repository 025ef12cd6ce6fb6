#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include <unistd.h>

#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/parallel_for.h>

namespace upconv::kernels::cpu {

namespace {

// A microsecond of work; to wake a thread takes several.
constexpr double kFlopsWorthAThread = 1e5;

constexpr std::size_t kScratchOfAThread = 2 * 1024 * 1024;

// OpenMP's threads belong to the process, so this cannot be a context's: the process whose kernels first ran
// on several threads, or 0.
std::atomic<pid_t> threaded_process = 0;

}  // namespace

int worthwhile_threads(int wanted, double flops) {
  return flops >= kFlopsWorthAThread * wanted ? wanted : 1 + static_cast<int>(flops / kFlopsWorthAThread);
}

int affordable_threads(int wanted, std::size_t scratch_bytes, std::size_t operand_bytes) {
  const auto most = static_cast<std::size_t>(wanted);
  const std::size_t allowed = std::max(operand_bytes, most * kScratchOfAThread);
  return static_cast<int>(
      std::clamp<std::size_t>(allowed / std::max<std::size_t>(scratch_bytes, 1), 1, most));
}

int startable_threads(int wanted) {
  const pid_t here = getpid();
  pid_t first = 0;
  const bool none_yet = threaded_process.compare_exchange_strong(first, here);
  return none_yet || first == here ? wanted : 1;
}

void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& body) {
  std::atomic<std::int64_t> next = 0;
  const auto work = [&] {
    for (std::int64_t i = next++; i < count; i = next++)
      body(i);
  };
  const std::int64_t others = std::min<std::int64_t>(threads, count) - 1;
  std::vector<std::jthread> started;  // the last variable, so that they end before what they use
  try {
    started.reserve(static_cast<std::size_t>(std::max<std::int64_t>(others, 0)));
    for (std::int64_t i = 0; i < others; ++i)
      started.emplace_back(work);
  } catch (const std::exception&) {  // the system has no more threads, or memory: fewer do the same
  }
  work();
}

}  // namespace upconv::kernels::cpu
