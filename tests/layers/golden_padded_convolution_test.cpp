#include <string>

#include <gmock/gmock.h>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/layers/golden.h>
#include <upconv/tests/layers/padded_convolution.h>

// Convolutions behind a pad as PyTorch's, and circular padding of their own: every row of every device's
// table. Sums are exact, so fused or not, each row gives PyTorch's values.

namespace upconv::testing {

namespace {

using ::testing::HasSubstr;

class GoldenPaddedConvolution : public GoldenTest<Target> {};

TEST_P(GoldenPaddedConvolution, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("padded_convolution.h5");
  EXPECT_GE(cases.size(), 20u);
  int ran = 0;
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    for (const bool fuse : {true, false}) {
      ExecutionContextOptions options{
          .device = GetParam().device, .num_threads = 2, .planning = {.fuse = fuse}};
      if (!GetParam().row.empty()) options.kernels = {{"conv2d", GetParam().row}};
      ExecutionContext ctx(std::move(options));
      PaddedConvolution net = padded_convolution(one.name);
      net.load(one.state_dict());
      net.prepare(ctx);
      Tensor y;
      try {
        y = net(one.at("x").to(GetParam().device), ctx);
      } catch (const ArgumentError&) {
        ASSERT_FALSE(GetParam().row.empty());
        continue;  // the forced row does not fit this case
      }
      ++ran;
      EXPECT_TRUE(equal(y.to(Device::cpu()), one.at("y"))) << (fuse ? "fused" : "apart");
    }
  }
  EXPECT_TRUE(ran > 0 || GetParam().device.is_cuda()) << "the row fits none";
}

INSTANTIATE_TEST_SUITE_P(, GoldenPaddedConvolution, ::testing::ValuesIn(targets(kernels::convolution_rows)),
                         [](const auto& instance) { return instance.param.test_name(); });

TEST(PaddedConvolution, IsOneStepOnTheCpu) {
  for (const GoldenCase& one : golden_cases("padded_convolution.h5")) {
    SCOPED_TRACE(one.name);
    ExecutionContext ctx;
    PaddedConvolution net = padded_convolution(one.name);
    net.load(one.state_dict());
    net.prepare(ctx);
    EXPECT_THAT(net.explain(one.at("x").spec(), ctx), HasSubstr("in 1 step"));
  }
}

}  // namespace

}  // namespace upconv::testing
