#include <cmath>
#include <memory>

#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>
#include <upconv/tests/layers/golden.h>

// PyTorch's Linear, BatchNorm2d and activations, for every row of every device's tables.

namespace upconv::testing {

namespace {

std::string target_name(const ::testing::TestParamInfo<Target>& instance) {
  return instance.param.test_name();
}

/// Loads the case's parameters and runs it on the case's x.
Tensor run(const GoldenCase& one, Module& layer, const std::string& op, const Target& target) {
  layer.to(one.at("x").dtype());
  layer.load(one.state_dict({"x", "y", "eps", "negative_slope"}));
  ExecutionContext ctx = context_for(op, target);
  layer.prepare(ctx);
  return run_guarded(layer, one.at("x"), op, target);
}

class GoldenLinear : public GoldenTest<Target> {};

TEST_P(GoldenLinear, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("linear.h5");
  EXPECT_GE(cases.size(), 60u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const Tensor& weight = one.at("weight");
    Linear layer(
        {.in_features = weight.shape()[1], .out_features = weight.shape()[0], .bias = one.has("bias")});
    const Tensor y = run(one, layer, "linear", GetParam());
    if (one.exact()) {
      EXPECT_TRUE(equal(y, one.at("y")));
      continue;
    }
    // 2^-21 of the largest sum of |x * w|, here bounded by lengths: |x| |w| >= sum |x * w|.
    double x_square = 0.0, w_square = 0.0;
    for (const double value : to_doubles(one.at("x")))
      x_square += value * value;
    for (const double value : to_doubles(weight))
      w_square += value * value;
    const double sum = std::sqrt(x_square * w_square) + 4.0;  // |bias| < 4
    const bool tf32 = y.dtype() == DType::f32 && target().precision == Precision::tf32;
    const double lost = tf32 ? 0x1p-9 : 0x1p-21;
    const double unit = y.dtype() == DType::f32 ? 0.0 : epsilon_of(y.dtype());
    EXPECT_TRUE(near(y, one.at("y"),
                     [&](std::size_t, double wanted) { return lost * sum + unit * std::abs(wanted); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Tf32, GoldenLinear, ::testing::ValuesIn(tf32_targets(kernels::linear_rows)),
                         target_name);
INSTANTIATE_TEST_SUITE_P(, GoldenLinear, ::testing::ValuesIn(targets(kernels::linear_rows)), target_name);

class GoldenBatchNorm2d : public GoldenTest<Target> {};

TEST_P(GoldenBatchNorm2d, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("batch_norm2d.h5");
  EXPECT_GE(cases.size(), 30u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const bool affine = one.has("weight");
    const double eps = one.at("eps").data<double>()[0];
    BatchNorm2d layer({.num_features = one.at("running_mean").shape()[0], .eps = eps, .affine = affine});
    const Tensor y = run(one, layer, "pointwise", GetParam());

    const std::vector<double> mean = to_doubles(one.at("running_mean")),
                              var = to_doubles(one.at("running_var"));
    const std::vector<double> weight = affine ? to_doubles(one.at("weight")) : std::vector(mean.size(), 1.0);
    const std::vector<double> x = to_doubles(one.at("x"));
    const Shape& shape = one.at("x").shape();
    const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
    const double unit = y.dtype() == DType::f32 ? 0.0 : epsilon_of(y.dtype());
    EXPECT_TRUE(near(y, one.at("y"), [&](std::size_t i, double wanted) {
      const std::size_t c = i / pixels % mean.size();
      const double terms =
          (std::abs(x[i]) + std::abs(mean[c])) * std::abs(weight[c]) / std::sqrt(var[c] + eps);
      return 0x1p-21 * (terms + 4.0) + unit * std::abs(wanted);  // |bias| < 4
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenBatchNorm2d, ::testing::ValuesIn(targets(kernels::pointwise_rows)),
                         target_name);

class GoldenActivation : public GoldenTest<Target> {};

std::unique_ptr<Module> activation_of(const GoldenCase& one) {
  const auto is = [&](const char* kind) { return one.name.find(kind) != std::string::npos; };
  if (is("leaky_relu")) {
    return std::make_unique<LeakyReLU>(
        LeakyReLUOptions{.negative_slope = one.at("negative_slope").data<double>()[0]});
  }
  if (is("prelu")) return std::make_unique<PReLU>(PReLUOptions{.num_parameters = one.at("weight").numel()});
  if (is("relu")) return std::make_unique<ReLU>();
  if (is("sigmoid")) return std::make_unique<Sigmoid>();
  return std::make_unique<Tanh>();
}

TEST_P(GoldenActivation, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("activation.h5");
  EXPECT_GE(cases.size(), 120u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const std::unique_ptr<Module> layer = activation_of(one);
    const Tensor y = run(one, *layer, "pointwise", GetParam());
    // A few units in fp32 (exp and tanh are not rounded correctly), one in a 16-bit type. PyTorch flushes or
    // keeps subnormal results as its vector library does.
    const double unit = y.dtype() == DType::f32 ? 0x1p-21 : epsilon_of(y.dtype());
    const double smallest = y.dtype() == DType::f16 ? 0x1p-24 : 0x1p-120;
    EXPECT_TRUE(
        near(y, one.at("y"), [&](std::size_t, double wanted) { return unit * std::abs(wanted) + smallest; }));
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenActivation, ::testing::ValuesIn(targets(kernels::pointwise_rows)),
                         target_name);

}  // namespace

}  // namespace upconv::testing
