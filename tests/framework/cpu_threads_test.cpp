#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <upconv/framework/context.h>
#include <upconv/framework/cpu_threads.h>

namespace upconv {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A file system of its own, with the files that the kernel would show.
class CpuThreads : public ::testing::Test {
 protected:
  CpuThreads()
      : root_(std::filesystem::path(::testing::TempDir()) / ("upconv_root_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(root_);
  }
  ~CpuThreads() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void version2(const std::string& group, const std::string& mounted_group = "/") const {
    write("proc/self/cgroup", "0::" + group + "\n");
    write("proc/self/mountinfo", "22 20 0:5 / /proc rw - proc proc rw\n31 23 0:28 " + mounted_group +
                                     " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  std::filesystem::path root_;
};

TEST_F(CpuThreads, ListsOfCpusAreRead) {
  EXPECT_THAT(parse_cpu_list("0-2,5,7-8\n"), ElementsAre(0, 1, 2, 5, 7, 8));
  EXPECT_THAT(parse_cpu_list("3"), ElementsAre(3));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("x-3,-,4-,6"), ElementsAre(6));
}

TEST_F(CpuThreads, ThreadsOfACoreCountOnce) {
  for (int cpu = 0; cpu < 8; ++cpu) {
    write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
          std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4) + "\n");
  }
  EXPECT_EQ(count_cores({0, 1, 2, 3, 4, 5, 6, 7}, root_), 4);
  EXPECT_EQ(count_cores({0, 4}, root_), 1);
  EXPECT_EQ(count_cores({1, 2, 6}, root_), 2);
  EXPECT_EQ(count_cores({7}, root_), 1);
  EXPECT_EQ(count_cores({8, 9}, root_), 2) << "CPUs that are not described are cores";
  EXPECT_EQ(count_cores({}, root_), 0);
}

TEST_F(CpuThreads, WithoutControlGroupsThereIsNoLimit) {
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
  version2("/");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt) << "the root has no cpu.max";
  version2("/user.slice/a");
  write("sys/fs/cgroup/user.slice/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
}

TEST_F(CpuThreads, TheLeastQuotaOnTheWayUpCounts) {
  version2("/system.slice/docker-1.scope/inner");
  write("sys/fs/cgroup/system.slice/docker-1.scope/inner/cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 4.0);
  write("sys/fs/cgroup/system.slice/docker-1.scope/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 1.5);
  write("sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 1.5);
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");  // a container's root may have one
  EXPECT_EQ(cgroup_cpus(root_), 0.5);
}

TEST_F(CpuThreads, AContainerMaySeeItsGroupAsTheRoot) {
  version2("/docker/1", "/docker/1");  // the mount shows the group itself
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 2.0);
  version2("/docker/1/worker", "/docker/1");
  write("sys/fs/cgroup/worker/cpu.max", "100000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 1.0);
  version2("/not/to/be/seen", "/");  // the host's name, and no such folder in here
  EXPECT_EQ(cgroup_cpus(root_), 2.0);
  version2("/../../outside", "/");
  EXPECT_EQ(cgroup_cpus(root_), 2.0);
}

TEST_F(CpuThreads, Version1HasAQuotaAndAPeriod) {
  write("proc/self/cgroup", "12:cpuset:/\n4:cpu,cpuacct:/docker/7/a\n1:name=systemd:/docker/7\n0::/x\n");
  write("proc/self/mountinfo",
        "33 32 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "34 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
  const std::string group = "sys/fs/cgroup/cpu,cpuacct/docker/7/";
  write(group + "a/cpu.cfs_quota_us", "-1\n");
  write(group + "a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
  write(group + "cpu.cfs_quota_us", "250000\n");
  write(group + "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 2.5);
}

TEST_F(CpuThreads, FilesThatMakeNoSenseAreNoLimit) {
  version2("/a");
  for (const char* text :
       {"", "\n", "100000", "100000 0", "-5 100000", "x y", "99999999999999999999 1", "0 100000"}) {
    write("sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(cgroup_cpus(root_), std::nullopt) << text;
  }
  write("proc/self/cgroup", "no colons\n:\n::\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
  write("proc/self/cgroup", "0::/a\n");
  write("proc/self/mountinfo", "31 23\n\n - \n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
}

TEST_F(CpuThreads, OpenMpsVariablesDecide) {
  EXPECT_EQ(default_num_threads(nullptr, nullptr, 6), 6);
  EXPECT_EQ(default_num_threads("3", nullptr, 6), 3);
  EXPECT_EQ(default_num_threads(" 3 ", nullptr, 6), 3);
  EXPECT_EQ(default_num_threads("5,2", nullptr, 6), 5);
  EXPECT_EQ(default_num_threads("12", nullptr, 6), 12) << "a wish";
  EXPECT_EQ(default_num_threads(nullptr, "4", 6), 4);
  EXPECT_EQ(default_num_threads("12", "4", 6), 4);
  for (const char* text : {"", "0", "-2", "four", "3x", ",2", "99999999999"}) {
    EXPECT_EQ(default_num_threads(text, nullptr, 6), 6) << text;
    EXPECT_EQ(default_num_threads(nullptr, text, 6), 6) << text;
  }
}

// Run by tests/CMakeLists.txt under taskset, and with variables set.
TEST_F(CpuThreads, AContextTakesWhatTheProcessMayUse) {
  const char* const wanted = std::getenv("UPCONV_WANTED_THREADS");
  const ExecutionContext ctx;
  if (wanted == nullptr) {
    EXPECT_GE(ctx.num_threads(), 1);
    EXPECT_EQ(ctx.num_threads(), default_num_threads());
  } else {
    EXPECT_EQ(ctx.num_threads(), std::atoi(wanted));
  }
  EXPECT_EQ(ExecutionContext({.num_threads = 5}).num_threads(), 5) << "an explicit number is a wish";
}

}  // namespace
}  // namespace upconv
