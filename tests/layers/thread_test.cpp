#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// One prepared module, many threads, each with a context of its own; and runs that repeat bit for bit.

namespace upconv::testing {

namespace {

Sequential network() {
  Sequential inner, net;
  net.append(Conv2d({.in_channels = 2,
                     .out_channels = 7,
                     .kernel_size = 3,
                     .padding = 1,
                     .padding_mode = PaddingMode::reflect}));
  net.append(PReLU({.num_parameters = 7}));
  inner.append(ConvTranspose2d(
      {.in_channels = 7, .out_channels = 5, .kernel_size = 4, .stride = 2, .padding = 1, .bias = false}));
  inner.append(BatchNorm2d({.num_features = 5})).append(Tanh());
  net.append("up", std::move(inner));
  net.append(ConvTranspose2d({.in_channels = 5, .out_channels = 3, .kernel_size = 3})).append(Sigmoid());
  net.append(Linear({.in_features = 16, .out_features = 4}));
  load_values(net, 5);
  return net;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.view().raw(), b.view().raw(), a.spec().bytes()) == 0;
}

class Threads : public ::testing::TestWithParam<DType> {};

TEST_P(Threads, ShareAPreparedModule) {
  constexpr int kThreads = 6, kRuns = 15;
  Sequential net = network();
  net.to(GetParam());
  ExecutionContext ctx({.num_threads = 1});
  net.prepare(ctx);
  std::vector<Tensor> inputs, wanted;
  for (int i = 0; i < 3; ++i) {
    inputs.push_back(values({1 + i, 2, 9, 7}, static_cast<std::uint32_t>(i), GetParam()));
    wanted.push_back(net.forward(inputs.back(), ctx));
  }

  const Sequential& shared = net;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext own({.num_threads = 1 + t % 2});
      for (int run = 0; run < kRuns; ++run) {
        const auto which = static_cast<std::size_t>(t + run) % inputs.size();
        if (!same_bits(shared.forward(inputs[which], own), wanted[which])) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Threads, RunsRepeatBitForBitWithAnyNumberOfThreads) {
  Sequential net = network();
  net.to(GetParam());
  const Tensor x = values({3, 2, 9, 7}, 4, GetParam());
  Tensor first;
  for (const int count : {1, 2, 3, 8}) {
    ExecutionContext ctx({.num_threads = count});
    net.prepare(ctx);
    for (int run = 0; run < 2; ++run) {
      Tensor y = net.forward(x, ctx);
      if (!first.defined())
        first = std::move(y);
      else
        EXPECT_TRUE(same_bits(first, y)) << count << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Threads, ::testing::Values(DType::f32, DType::f16, DType::bf16),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

}  // namespace

}  // namespace upconv::testing
