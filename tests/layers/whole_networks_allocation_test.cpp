#include <gtest/gtest.h>

#include <upconv/tests/kernels/allocations.h>
#include <upconv/tests/layers/whole_networks.h>

namespace upconv::testing {

namespace {

/// Also the first run, after a preparation for these inputs.
TEST(WholeNetworkAllocation, WarmRunsAllocateNothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "this build's malloc cannot be counted";
  for (const WholeNetwork& network : whole_networks()) {
    const std::unique_ptr<Network> net = network.loaded();
    const std::vector<Tensor> x = network.tensors("x");
    std::vector<Tensor> y = network.tensors("y");
    const std::vector<ConstTensorView> inputs(x.begin(), x.end());
    const std::vector<TensorView> outputs(y.begin(), y.end());
    ExecutionContext ctx({.num_threads = 2});
    net->prepare(ctx, specs_of(x));
    const std::size_t before = test::allocation_count();
    for (int run = 0; run < 3; ++run)
      net->forward_into(inputs, outputs, ctx);
    EXPECT_EQ(test::allocation_count() - before, 0u) << network.name;
  }
}

}  // namespace

}  // namespace upconv::testing
