#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>

#include <upconv/tests/layers/golden.h>
#include <upconv/tests/layers/whole_networks.h>

// What the plans of whole networks promise, on the CPU, and what else one may do with such a network.

namespace upconv::testing {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// The lines of a plan for inputs of `batch` images, without the heading, each from the calls on.
std::vector<std::string> steps_of(const WholeNetwork& network, std::int64_t batch) {
  const std::unique_ptr<Network> net = network.loaded();
  ExecutionContext ctx({.num_threads = 2});
  net->prepare(ctx);
  std::istringstream text(net->explain(specs_of(network.tensors("x", batch)), ctx));
  std::vector<std::string> steps;
  std::string line;
  std::getline(text, line);
  while (std::getline(text, line)) {
    const std::size_t calls = line.find_first_not_of(' ', line.find(']') + 1);
    steps.push_back(line.substr(std::min(calls, line.size())));
  }
  return steps;
}

std::int64_t count_starting(const std::vector<std::string>& steps, const std::string& call) {
  return std::ranges::count_if(steps, [&](const std::string& step) { return step.starts_with(call + ' '); });
}

TEST(WholeNetworkPlans, NormalisationsAreInTheirConvolutions) {
  for (const WholeNetwork& network : whole_networks()) {
    for (const std::int64_t batch : {1, 2})
      EXPECT_EQ(count_starting(steps_of(network, batch), "BatchNorm2d"), 0) << network.name;
  }
}

TEST(WholeNetworkPlans, HaveNoMoreStepsThanTheyNeed) {
  const std::pair<const char*, std::size_t> kSteps[] = {
      {"unet", 15},     // 13 convolutions and 2 poolings: ReLUs, joins and the sigmoid cost nothing
      {"rrdbnet", 24},  // 21 convolutions, 2 resizings, and the sum of two residuals
      {"linknet", 20},  // 19 convolutions and a pooling: norms, sums and ReLUs are in them
      {"edsr", 11},     // 10 convolutions and a shuffle: factors and sums are in them
      {"srvgg", 7},     // 4 convolutions, a shuffle, the resized image, their sum
      {"lapsrn", 11},   // 11 convolutions: both sums are in the last of their level
      {"espcn", 5},     // 4 convolutions and a shuffle
  };
  for (const auto& [name, most] : kSteps)
    EXPECT_LE(steps_of(whole_network(name), 1).size(), most) << name;
}

TEST(WholeNetworkPlans, JoinsOfOneImageCopyNothing) {
  for (const char* name : {"unet", "unet_bilinear", "rrdbnet"}) {
    const std::vector<std::string> steps = steps_of(whole_network(name), 1);
    EXPECT_EQ(count_starting(steps, "cat"), 0) << name;
    EXPECT_EQ(count_starting(steps, "copy"), 0) << name;
  }
}

/// The states of one frame are given to the next, as RVM is used.
TEST(WholeNetworkPlans, StatesGoFromFrameToFrame) {
  const WholeNetwork& rvm = whole_network("rvm");
  const std::unique_ptr<Network> net = rvm.loaded();
  std::vector<Tensor> inputs = rvm.tensors("x");
  ExecutionContext ctx({.num_threads = 2});
  net->prepare(ctx, specs_of(inputs));
  std::vector<Tensor> outputs = run_network(*net, inputs, ctx);
  inputs[3] = std::move(outputs[1]);
  inputs[4] = std::move(outputs[2]);
  outputs = run_network(*net, inputs, ctx);
  const std::vector<Tensor> wanted = rvm.tensors("next.y");
  ASSERT_EQ(outputs.size(), wanted.size());
  for (std::size_t k = 0; k < wanted.size(); ++k)
    EXPECT_TRUE(near(outputs[k], wanted[k], [](std::size_t, double) { return 0x1p-17; })) << k;
}

/// Sizes that pooling halves and rounds meet their skip too small: the message says in which line.
TEST(WholeNetworkPlans, AnImageThatDoesNotFitIsRefusedWhereItShows) {
  const std::unique_ptr<Network> net = whole_network("unet").loaded();
  try {
    net->output_spec({.shape = {1, 3, 13, 19}});
    FAIL() << "accepted";
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cat"), HasSubstr("unet.h:"), HasSubstr("upconv2")));
  }
  EXPECT_EQ(net->output_spec({.shape = {1, 3, 8, 4}}).shape, (Shape{1, 1, 8, 4}));
}

}  // namespace

}  // namespace upconv::testing
