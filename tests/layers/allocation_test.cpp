#include <string>

#include <gtest/gtest.h>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/kernels/allocations.h>
#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

namespace upconv::testing {

namespace {

Sequential network() {
  Sequential inner, net;
  net.append(Conv2d({.in_channels = 2, .out_channels = 20, .kernel_size = 3, .padding = 1}));
  net.append(PReLU({.num_parameters = 20}));
  inner.append(
      ConvTranspose2d({.in_channels = 20, .out_channels = 6, .kernel_size = 4, .stride = 2, .padding = 1}));
  inner.append(BatchNorm2d({.num_features = 6})).append(Tanh());
  net.append(std::move(inner)).append(Linear({.in_features = 14, .out_features = 4})).append(Sigmoid());
  return net;
}

TEST(AllocationCount, SeesATensor) {
  if (!test::counts_allocations()) GTEST_SKIP() << "this build's malloc cannot be counted";
  const std::size_t before = test::allocation_count();
  const Tensor tensor = Tensor::zeros({1000});
  EXPECT_GT(test::allocation_count(), before);
}

class Allocation : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!test::counts_allocations()) GTEST_SKIP() << "this build's malloc cannot be counted";
  }
};

TEST_P(Allocation, AWarmForwardIntoAllocatesNothing) {
  std::vector<std::string> rows = {""};
  for (const kernels::ConvRow& row : kernels::convolution_rows(Device::Type::cpu))
    rows.emplace_back(row.name);
  Sequential net = network();
  net.to(GetParam());
  net.initialize();
  const Tensor x = values({2, 2, 9, 7}, 1, GetParam());
  for (const std::string& row : rows) {
    ExecutionContextOptions options{.num_threads = 2};
    if (!row.empty()) options.kernels = {{"conv2d", row}, {"conv_transpose2d", row}};
    ExecutionContext ctx(std::move(options));
    net.prepare(ctx);
    const TensorSpec spec = net.output_spec(x.spec());
    Tensor y = Tensor::empty(spec.shape, spec.dtype);
    try {
      net.forward_into(x, y, ctx);  // one run is enough to be warm
    } catch (const ArgumentError&) {
      continue;  // the row does not fit every layer
    }
    const std::size_t before = test::allocation_count();
    for (int run = 0; run < 5; ++run)
      net.forward_into(x, y, ctx);
    EXPECT_EQ(test::allocation_count() - before, 0u) << (row.empty() ? "selected rows" : row);
  }
}

TEST_P(Allocation, ASmallerInputAllocatesNothingEither) {
  Sequential net = network();
  net.to(GetParam());
  ExecutionContext ctx({.num_threads = 2});
  net.initialize();
  net.prepare(ctx);
  const Tensor large = values({2, 2, 9, 7}, 1, GetParam()), small = values({1, 2, 3, 7}, 1, GetParam());
  Tensor large_y = net.forward(large, ctx), small_y = net.forward(small, ctx);
  const std::size_t before = test::allocation_count();
  net.forward_into(small, small_y, ctx);
  net.forward_into(large, large_y, ctx);
  net.forward_into(small, small_y, ctx);
  EXPECT_EQ(test::allocation_count() - before, 0u);
}

TEST_P(Allocation, ContextsOfTwoPrecisionsKeepTheirPlans) {
  Sequential net = network();
  net.to(GetParam());
  ExecutionContext fp32({.num_threads = 2}), tf32({.precision = Precision::tf32, .num_threads = 2});
  net.initialize();
  net.prepare(fp32);
  const Tensor x = values({2, 2, 9, 7}, 1, GetParam());
  Tensor y = net(x, fp32);
  net.prepare(tf32);
  std::size_t before = test::allocation_count();
  net.forward_into(x, y, fp32);  // planned before the other was prepared
  EXPECT_EQ(test::allocation_count() - before, 0u);
  net.forward_into(x, y, tf32);
  before = test::allocation_count();
  net.forward_into(x, y, fp32);
  net.forward_into(x, y, tf32);
  EXPECT_EQ(test::allocation_count() - before, 0u);
}

TEST_P(Allocation, ResizingAllocatesNothing) {
  Sequential net;
  net.append(Upsample({.scale_factor = 2}));
  net.append(UpsamplingBilinear2d({.size = {{13, 40}}}));
  net.append(Upsample({.scale_factor = {{0.7, 1.3}}, .mode = InterpolateMode::bicubic}));
  net.to(GetParam());
  ExecutionContext ctx({.num_threads = 2});
  net.prepare(ctx);
  const Tensor x = values({2, 3, 9, 17}, 1, GetParam());
  Tensor y = net.forward(x, ctx);
  const std::size_t before = test::allocation_count();
  net.forward_into(x, y, ctx);
  EXPECT_EQ(test::allocation_count() - before, 0u);
}

INSTANTIATE_TEST_SUITE_P(, Allocation, ::testing::Values(DType::f32, DType::f16, DType::bf16),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

}  // namespace

}  // namespace upconv::testing
