#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <sched.h>

#include <upconv/framework/cpu_threads.h>

namespace upconv {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  Number value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return {};
  const std::string_view rest(stop, static_cast<std::size_t>(text.data() + text.size() - stop));
  return rest.find_first_not_of(" \t\n") == std::string_view::npos ? std::optional(value) : std::nullopt;
}

/// A positive int, or no value. `text` may be null.
std::optional<int> parse_positive(const char* text) {
  if (text == nullptr) return {};
  const std::string_view list(text);
  const std::optional<int> value = parse_number<int>(list.substr(0, list.find(',')));
  return value && *value > 0 ? value : std::nullopt;
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto granted = parse_number<std::int64_t>(quota), of = parse_number<std::int64_t>(period);
  if (!granted || !of || *granted <= 0 || *of <= 0) return {};  // "max", -1, or no such file
  return static_cast<double>(*granted) / static_cast<double>(*of);
}

/// The limit of one group, by either version.
std::optional<double> limit_of(const fs::path& group, bool version2) {
  if (!version2)
    return ratio(first_line(group / "cpu.cfs_quota_us"), first_line(group / "cpu.cfs_period_us"));
  const std::string line = first_line(group / "cpu.max");
  const std::size_t space = line.find(' ');
  if (space == std::string::npos) return {};
  return ratio(std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1));
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (list.substr(begin, end - begin) == word) return true;
    begin = end + 1;
  }
  return false;
}

/// Where a hierarchy of control groups is mounted, and which of its groups is seen there.
struct Mount {
  fs::path point;
  std::string group;
};

/// The mount of the hierarchy that has the CPU controller. A line of mountinfo reads
/// "<id> <parent> <device> <group> <mount point> <options> ... - <type> <source> <super options>".
std::optional<Mount> find_mount(const fs::path& root, bool version2) {
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word, group, point, type, source, options;
    words >> word >> word >> word >> group >> point;
    while (words >> word && word != "-") {
    }
    words >> type >> source >> options;
    if (version2 ? type == "cgroup2" : type == "cgroup" && has_word(options, "cpu"))
      return Mount{root / fs::path(point).relative_path(), group};
  }
  return {};
}

/// The least limit from the group of this process up to the mount.
std::optional<double> least_limit(const Mount& mount, const fs::path& group, bool version2) {
  // A container may see its own group as the mount's root, under the host's name for it or not at all.
  fs::path below = group.lexically_relative(mount.group);
  if (below.empty() || *below.begin() == "..") below = group.relative_path();
  std::optional<double> least;
  for (fs::path at = below.lexically_normal();; at = at.parent_path()) {
    const std::optional<double> limit = limit_of(mount.point / at, version2);
    if (limit && (!least || *limit < *least)) least = limit;
    if (at.empty() || at == ".") return least;
  }
}

/// The CPUs that the calling thread may run on.
std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (int count = CPU_SETSIZE; count <= 64 * CPU_SETSIZE; count *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(count));
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(count));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; known && cpu < count; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (known) break;  // else the kernel knows more CPUs than the set holds
  }
  return cpus;
}

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view range = text.substr(begin, end - begin);
    const std::size_t dash = range.find('-');
    const auto first = parse_number<int>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<int>(range.substr(dash + 1));
    for (int cpu = first.value_or(0); first && last && cpu <= *last; ++cpu)
      cpus.push_back(cpu);
    begin = end + 1;
  }
  return cpus;
}

int count_cores(const std::vector<int>& cpus, const std::filesystem::path& root) {
  std::set<int> counted;  // CPUs of the cores so far
  int cores = 0;
  for (const int cpu : cpus) {
    if (counted.contains(cpu)) continue;
    ++cores;
    const fs::path topology = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "topology";
    for (const int sibling : parse_cpu_list(first_line(topology / "thread_siblings_list")))
      counted.insert(sibling);
  }
  return cores;
}

std::optional<double> cgroup_cpus(const std::filesystem::path& root) {
  std::optional<double> least;
  std::ifstream file(root / "proc/self/cgroup");
  // A line reads "<hierarchy>:<controllers>:<group>"; version 2 has no controllers.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version2 = controllers.empty();
    if (!version2 && !has_word(controllers, "cpu")) continue;
    const std::optional<Mount> mount = find_mount(root, version2);
    if (!mount) continue;
    const std::optional<double> limit = least_limit(*mount, line.substr(second + 1), version2);
    if (limit && (!least || *limit < *least)) least = limit;
  }
  return least;
}

int usable_cores() {
  const std::vector<int> cpus = allowed_cpus();
  int cores = cpus.empty() ? static_cast<int>(std::thread::hardware_concurrency()) : count_cores(cpus, "/");
  static const std::optional<double> limit = cgroup_cpus("/");
  // A part of a CPU is a thread that rests now and then: rather than leave it, use it.
  if (limit && *limit < cores) cores = static_cast<int>(std::ceil(*limit));
  return std::max(cores, 1);
}

int default_num_threads(const char* omp_num_threads, const char* omp_thread_limit, int cores) {
  const int threads = parse_positive(omp_num_threads).value_or(cores);
  return std::min(threads, parse_positive(omp_thread_limit).value_or(std::numeric_limits<int>::max()));
}

int default_num_threads() {
  return default_num_threads(std::getenv("OMP_NUM_THREADS"), std::getenv("OMP_THREAD_LIMIT"), usable_cores());
}

}  // namespace upconv
