#include <string>

#include <gtest/gtest.h>

#include <upconv/kernels/pad.h>
#include <upconv/tests/framework/function_network.h>
#include <upconv/tests/layers/golden.h>
#include <upconv/tests/layers/padded_convolution.h>

// Padding as PyTorch's: every row of every device's table, each type, planned with and without views.

namespace upconv::testing {

namespace {

/// A case of tools/golden_padding.py.
struct PadCase {
  PadMode mode = PadMode::constant;
  Sizes shape, amounts;
  double value = 0;

  explicit PadCase(const GoldenCase& one) {
    const std::size_t x = one.name.find("_x"), p = one.name.find("_p");
    mode = pad_mode(one.name.substr(0, one.name.find('_')));
    shape = numbers(one.name.substr(x + 2, p - x - 2));
    amounts = numbers(one.name.substr(p + 2));
    if (one.has("value")) value = one.at("value").data<double>()[0];
  }
  Tensor x() const {
    Tensor result = Tensor::empty(Shape(shape));
    int element = 0;
    for (float& to : result.data<float>())
      to = static_cast<float>(element++ % 251 - 100);
    return result;
  }
};

void check(const GoldenCase& one, DType dtype, const Target& target, PlanPolicy policy) {
  const PadCase wanted(one);
  test_network::FunctionNetwork net(
      [&](std::span<const Value> x) { return Values{pad(x[0], wanted.amounts, wanted.mode, wanted.value)}; });
  ExecutionContextOptions options{.device = target.device, .num_threads = 2, .planning = policy};
  if (!target.row.empty()) options.kernels = {{"pad", target.row}};
  ExecutionContext ctx(std::move(options));
  net.prepare(ctx);
  const Tensor y = net(wanted.x().to(dtype).to(target.device), ctx);
  EXPECT_TRUE(equal(y.to(Device::cpu()), one.at("y").to(dtype)));
}

class GoldenPadding : public GoldenTest<Target> {};

TEST_P(GoldenPadding, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("padding.h5");
  EXPECT_GE(cases.size(), 120u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    check(one, DType::f32, GetParam(), {});
    check(one, DType::f16, GetParam(), {.fuse = false, .share = false, .reuse = false});
    check(one, DType::bf16, GetParam(), {.share = false});
    if (one.has("value") && !(one.at("value").data<double>()[0] < 1e9)) continue;  // not for integers
    check(one, DType::i64, GetParam(), {});
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenPadding, ::testing::ValuesIn(targets(kernels::pad_rows)),
                         [](const auto& instance) { return instance.param.test_name(); });

TEST(Padding, ModulesPadAsTheFunctionDoes) {
  ExecutionContext ctx;
  const Tensor x = Tensor::from<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 1, 2, 3});
  const auto run = [&](auto module) {
    module.prepare(ctx);
    return module(x, ctx);
  };
  const auto row = [](std::vector<float> values) {
    const auto columns = static_cast<std::int64_t>(values.size()) / 2;
    return Tensor::from<float>(values, {1, 1, 2, columns});
  };
  EXPECT_TRUE(equal(run(ZeroPad2d({.padding = {1, 0, 0, 0}})), row({0, 1, 2, 3, 0, 4, 5, 6})));
  EXPECT_TRUE(
      equal(run(ConstantPad2d({.padding = {0, 1, 0, 0}, .value = 9})), row({1, 2, 3, 9, 4, 5, 6, 9})));
  EXPECT_TRUE(equal(run(ConstantPad1d({.padding = -1, .value = 9})), row({2, 5})));
  EXPECT_TRUE(
      equal(run(ReflectionPad2d({.padding = {2, 1, 0, 0}})), row({3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5})));
  EXPECT_TRUE(
      equal(run(ReplicationPad2d({.padding = {2, 1, 0, 0}})), row({1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6})));
  EXPECT_TRUE(
      equal(run(CircularPad2d({.padding = {2, 1, 0, 0}})), row({2, 3, 1, 2, 3, 1, 5, 6, 4, 5, 6, 4})));
}

TEST(Padding, ACropOfOneRunIsAView) {
  test_network::FunctionNetwork net([](std::span<const Value> x) {
    return Values{relu(pad(relu(x[0]), {0, 0, 0, 0, -1, -2}))};
  });
  ExecutionContext ctx;
  net.prepare(ctx);
  const std::string text = net.explain(TensorSpec{{1, 5, 4, 4}, DType::f32, Device::cpu()}, ctx);
  EXPECT_EQ(text.find("strided_copy"), std::string::npos) << text;
  EXPECT_EQ(text.find("cpu.rows"), std::string::npos) << text;
}

}  // namespace

}  // namespace upconv::testing
