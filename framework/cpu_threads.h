#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

/// How many threads a process may use. Internal: not installed.
namespace upconv {

/// The cores that the calling thread may run on (its affinity), at most as many as its control group may keep
/// busy; at least 1. The threads of a core share its multiply-add units, so they count once. The group is
/// asked once, the affinity every time.
int usable_cores();

/// The threads of a context that was not told: OMP_NUM_THREADS (of a list, the first) or else usable_cores(),
/// and never more than OMP_THREAD_LIMIT.
int default_num_threads();

// What they are made of, with the world as an argument.

/// `omp_num_threads` and `omp_thread_limit`: those variables, null if not set. As in OpenMP, what is not a
/// positive number is ignored.
int default_num_threads(const char* omp_num_threads, const char* omp_thread_limit, int cores);

/// Cores of these CPUs, by <root>/sys/devices/system/cpu. A CPU that is not described there is a core.
int count_cores(const std::vector<int>& cpus, const std::filesystem::path& root);

/// The CPUs in a list as the kernel writes it, such as "0-3,8,10-11".
std::vector<int> parse_cpu_list(std::string_view text);

/// CPUs' worth of time that the control groups of this process grant, the least from its group up to the
/// root; no value if there is no limit. Reads <root>/proc/self/cgroup, <root>/proc/self/mountinfo and what
/// they point to: cpu.max in version 2, cpu.cfs_quota_us and cpu.cfs_period_us in version 1.
std::optional<double> cgroup_cpus(const std::filesystem::path& root);

}  // namespace upconv
