#include <array>
#include <cmath>
#include <limits>

#include "problems.h"
#include "targets.h"
#include <gtest/gtest.h>

#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>

// Infinities and NaN: they come out where the definition has them, and nowhere else.

namespace upconv::test {
namespace {

using kernels::ActivationKind;
using kernels::ConvProblem;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Puts some special values into a tensor, at places that the seed decides.
void spoil(Tensor& tensor, std::uint32_t seed) {
  if (tensor.numel() == 0) return;
  constexpr float kValues[] = {kInfinity, -kInfinity, kNan};
  std::mt19937 random(seed);
  Tensor plain = tensor.to(DType::f32);
  const int count = 1 + static_cast<int>(seed % 3);
  for (int i = 0; i < count; ++i)
    plain.data<float>()[random() % plain.data<float>().size()] = kValues[(seed + random() % 2) % 3];
  tensor = plain.to(tensor.dtype());
}

testing::AssertionResult same_values(const ConstTensorView& got, const ConstTensorView& wanted) {
  const std::vector<double> a = to_doubles(got), b = to_doubles(wanted);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i])))
      return testing::AssertionFailure() << i << " of " << a.size() << ": " << a[i] << " for " << b[i];
  }
  return testing::AssertionSuccess();
}

/// Problems of every kind, and some large enough for several threads and tiles.
std::vector<ConvProblem> problems() {
  std::vector<ConvProblem> result = corner_problems();
  for (const ConvProblem& problem : random_problems(2, 150))
    result.push_back(problem);
  for (const char* text : {"n1ci16ih33iw290co9kh3kw5_s1x1_p1x2_zeros_d1x1_g1_f32",
                           "n2ci9ih20iw70co10kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_bf16",
                           "n1ci300ih30iw30co9kh3kw3_s1x1_p12x12_zeros_d12x12_g1_f32"})  // in slices
    result.push_back(ConvProblem::parse(text));
  return result;
}

// An infinite weight times the zeros beyond a border would be NaN where PyTorch has no product at all.
TEST(SpecialValues, ConvolutionsHaveThemWhereTheDefinitionHas) {
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    ExecutionContext ctx({.num_threads = 2});
    std::uint32_t seed = 0;
    for (const ConvProblem& problem : problems()) {
      ++seed;
      const auto kind = static_cast<ActivationKind>(seed % 5 == 0 ? seed / 5 % 4 : 0);  // exact ones
      ConvCase c(problem, Values::exact, seed, seed % 2 == 0, kind);
      const std::uint32_t what = seed % 4;  // mostly weights
      if (what != 1) spoil(c.weight, seed);
      if (what <= 1) spoil(c.x, seed + 1);
      if (what == 2 && c.bias.defined()) spoil(c.bias, seed + 2);
      if (kind == ActivationKind::prelu && seed % 2 == 0) spoil(c.slopes, seed + 3);
      c.activation.slopes = c.slopes;
      c.problem.finite_weight = kernels::is_finite(c.weight);
      c.packed = kernels::pack_weight(problem, c.weight, Device::cpu());
      const Tensor expected = c.run("cpu.reference", ctx);
      for (const kernels::ConvRow& row : kernels::convolution_rows(Device::Type::cpu)) {
        ASSERT_TRUE(same_values(c.run(row.name, ctx), expected))
            << row.name << ' ' << hwy::TargetName(target) << ' ' << problem.to_string();
      }
    }
  }
}

// The sum of 36 products of finite numbers must not show that some weight elsewhere is infinite.
TEST(SpecialValues, AnInfiniteWeightChangesNoOtherOutput) {
  ExecutionContext ctx({.num_threads = 2});
  const auto problem = ConvProblem::parse("n1ci6ih9iw40co5kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32");
  const ConvCase finite(problem, Values::normal, 7);
  ConvCase infinite(problem, Values::normal, 7);
  infinite.weight.data<float>()[0] = kInfinity;  // of output channel 0
  infinite.problem.finite_weight = false;
  infinite.packed = kernels::pack_weight(problem, infinite.weight, Device::cpu());
  const Tensor wanted = finite.run("cpu.direct", ctx), got = infinite.run("cpu.direct", ctx);
  const auto channel = static_cast<std::size_t>(problem.oh() * problem.ow());
  for (std::size_t i = channel; i < wanted.data<float>().size(); ++i)
    ASSERT_EQ(got.data<float>()[i], wanted.data<float>()[i]) << i;
}

TEST(SpecialValues, LinearHasThemWhereTheDefinitionHas) {
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    ExecutionContext ctx({.num_threads = 2});
    std::mt19937 random(3);
    std::uint32_t seed = 0;
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const auto& [m, k, n] : {std::array<std::int64_t, 3>{1, 1, 1},
                                    {1, 37, 19},
                                    {3, 64, 130},
                                    {5, 300, 7},
                                    {9, 17, 33},
                                    {300, 21, 140}}) {
        ++seed;
        Tensor x = random_tensor({m, k}, dtype, Values::exact, random);
        Tensor weight = random_tensor({n, k}, dtype, Values::exact, random);
        Tensor bias = random_tensor({n}, dtype, Values::exact, random);
        if (seed % 3 != 0) spoil(weight, seed);
        if (seed % 3 != 1) spoil(x, seed + 1);
        if (seed % 2 == 0) spoil(bias, seed + 2);
        const kernels::LinearProblem problem{.rows = m, .in_features = k, .out_features = n, .dtype = dtype};
        Tensor expected = Tensor::empty({m, n}, dtype);
        const auto rows = kernels::linear_rows(Device::Type::cpu);
        rows.back().launch(problem, {.x = x, .weight = weight, .bias = bias, .y = expected}, ctx);
        for (const kernels::LinearRow& row : rows) {
          Tensor y = Tensor::empty({m, n}, dtype);
          row.launch(problem, {.x = x, .weight = weight, .bias = bias, .y = y}, ctx);
          ASSERT_TRUE(same_values(y, expected))
              << row.name << ' ' << hwy::TargetName(target) << ' ' << problem.to_string();
        }
      }
    }
  }
}

TEST(SpecialValues, SlopesOfActivationsAreMultipliedAsInPyTorch) {
  ExecutionContext ctx;
  const Tensor x =
      Tensor::from<float>(std::vector{0.0f, -0.0f, 1.0f, -1.0f, kInfinity, -kInfinity, kNan}, {7});
  const struct {
    float slope;
    std::vector<float> y;
  } kCases[] = {
      {0.0f, {0, 0, 1, 0, kInfinity, kNan, kNan}},
      {kInfinity, {kNan, kNan, 1, -kInfinity, kInfinity, -kInfinity, kNan}},
      {kNan, {kNan, kNan, 1, kNan, kInfinity, kNan, kNan}},
  };
  for (const auto& [slope, wanted] : kCases) {
    for (const auto& row : kernels::pointwise_rows(Device::Type::cpu)) {
      const Tensor slopes = Tensor::from<float>(std::vector{slope}, {1});
      Tensor leaky = Tensor::empty({7}), prelu = Tensor::empty({7});
      row.launch(
          {.inner = 7},
          {.x = x, .epilogue = {.first = {.kind = ActivationKind::leaky_relu, .a = slope}}, .y = leaky}, ctx);
      row.launch(
          {.inner = 7},
          {.x = x, .epilogue = {.first = {.kind = ActivationKind::prelu, .slopes = slopes}}, .y = prelu},
          ctx);
      EXPECT_TRUE(same_values(leaky, Tensor::from<float>(wanted, {7}))) << "leaky_relu " << slope;
      EXPECT_TRUE(same_values(prelu, Tensor::from<float>(wanted, {7}))) << "prelu " << slope;
    }
  }
}

}  // namespace
}  // namespace upconv::test
