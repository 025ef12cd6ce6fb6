#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// A process that has run kernels on several threads forks: the child has none of them, and must neither wait
// for them nor give other values.

namespace upconv::testing {

namespace {

/// Every kind of kernel, each with work for several threads.
Sequential network() {
  Sequential net;
  net.append(Conv2d({.in_channels = 3, .out_channels = 16, .kernel_size = 3, .padding = 1}));
  net.append(BatchNorm2d({.num_features = 16})).append(Tanh());
  net.append(
      ConvTranspose2d({.in_channels = 16, .out_channels = 4, .kernel_size = 4, .stride = 2, .padding = 1}));
  net.append(Linear({.in_features = 160, .out_features = 300}));
  load_values(net, 5);
  return net;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.view().raw(), b.view().raw(), a.spec().bytes()) == 0;
}

std::ptrdiff_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

/// What `body` returns in a child of this process: its exit status, or -1 if it was ended by a signal, such
/// as the alarm that ends one that hangs.
int status_in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    _exit(status);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Fork, AChildComputesWhatItsParentDoes) {
  Sequential net = network();
  ExecutionContext ctx({.num_threads = 3});
  net.prepare(ctx);
  const Tensor x = values({2, 3, 60, 80}, 4);
  const Tensor wanted = net.forward(x, ctx);
  ASSERT_GT(threads_of_this_process(), 1) << "the network is too small for several threads";

  const auto forward_and_compare = [&] {
    if (!same_bits(net.forward(x, ctx), wanted)) return 1;  // the parent's context
    ExecutionContext own({.num_threads = 2});
    if (!same_bits(net.forward(x, own), wanted)) return 2;
    Sequential fresh = network();
    fresh.prepare(own);
    if (!same_bits(fresh.forward(x, own), wanted)) return 3;
    return threads_of_this_process() == 1 ? 0 : 4;
  };
  EXPECT_EQ(status_in_child(forward_and_compare), 0);
  EXPECT_EQ(status_in_child([&] { return status_in_child(forward_and_compare); }), 0) << "a child's child";
  EXPECT_TRUE(same_bits(net.forward(x, ctx), wanted)) << "the parent, afterwards";
  EXPECT_EQ(status_in_child(forward_and_compare), 0);
}

TEST(Fork, AChildOfAProcessThatRanNothingIsLikeAnyOther) {
  const auto compute = [] {
    Sequential net = network();
    ExecutionContext one({.num_threads = 1}), three({.num_threads = 3});
    net.prepare(one);
    const Tensor x = values({2, 3, 60, 80}, 4);
    return same_bits(net.forward(x, one), net.forward(x, three)) ? 0 : 1;
  };
  EXPECT_EQ(status_in_child(compute), 0);
}

#ifndef __clang__  // ThreadSanitizer, which Clang builds here, has a thread of its own
TEST(Fork, AServerThatPreparesBeforeItForksHasThreadsInItsChildren) {
  if (threads_of_this_process() > 1) return;  // a test before this one ran kernels
  ExecutionContext ctx({.num_threads = 3});
  Sequential net;
  net.append(Conv2d({.in_channels = 256, .out_channels = 256, .kernel_size = 3, .padding = 1}));
  net.initialize(1);
  net.prepare(ctx);
  EXPECT_EQ(threads_of_this_process(), 1);
  const auto count_threads = [&] {
    static_cast<void>(net(Tensor::zeros({1, 256, 20, 20}), ctx));
    return static_cast<int>(threads_of_this_process());
  };
  EXPECT_EQ(status_in_child(count_threads), 3);
}
#endif

}  // namespace

}  // namespace upconv::testing
