#include <cmath>

#include "problems.h"
#include <gtest/gtest.h>

namespace upconv::test {
namespace {

using kernels::ActivationKind;
using kernels::ConvProblem;
using kernels::ConvRow;

std::vector<ConvRow> fast_rows() {
  const auto rows = kernels::convolution_rows(Device::Type::cpu);
  return {rows.begin(), rows.end() - 1};  // the reference is last
}

std::vector<ConvProblem> all_problems() {
  std::vector<ConvProblem> problems = corner_problems();
  for (const ConvProblem& problem : random_problems(1, 400))
    problems.push_back(problem);
  return problems;
}

/// Calls test(row, problem, seed) for every fast row and every problem that it supports.
template <class Test>
void for_each_case(const Test& test) {
  const ExecutionContext ctx;
  for (const ConvRow& row : fast_rows()) {
    std::uint32_t seed = 0;
    int tested = 0;
    for (const ConvProblem& problem : all_problems()) {
      ++seed;
      if (!row.supports(problem, ctx.caps()).supported) continue;
      SCOPED_TRACE(testing::Message() << row.name << ' ' << problem.to_string());
      test(row, problem, seed);
      ++tested;
      if (testing::Test::HasFailure()) return;  // one failure is enough to read
    }
    EXPECT_GT(tested, 0) << row.name << " computes none of the problems";
  }
}

TEST(Convolution, ExactValuesGiveTheReferenceBitForBit) {
  ExecutionContext ctx({.num_threads = 2});
  for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
    for (const ActivationKind kind :
         {ActivationKind::none, ActivationKind::relu, ActivationKind::leaky_relu, ActivationKind::prelu}) {
      if (kind != ActivationKind::none && seed % 4 != static_cast<std::uint32_t>(kind)) continue;
      const ConvCase c(problem, Values::exact, seed, seed % 3 != 0, kind);
      const Tensor expected = c.run("cpu.reference", ctx);
      const Tensor actual = c.run(row.name, ctx);
      ASSERT_EQ(to_doubles(expected), to_doubles(actual)) << name_of(kind);
    }
  });
}

TEST(Convolution, RandomValuesStayWithinTheDerivedTolerance) {
  ExecutionContext ctx({.num_threads = 2});
  for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
    const auto kind = static_cast<ActivationKind>(seed % 6);
    const ConvCase c(problem, Values::normal, seed, seed % 3 != 0, kind);
    const std::vector<double> expected = to_doubles(c.run("cpu.reference", ctx));
    const std::vector<double> actual = to_doubles(c.run(row.name, ctx));
    const std::vector<double> magnitude = magnitudes(c);
    // prelu's slopes may stretch an error; the other functions have slopes of at most 1.
    const double stretch = kind == ActivationKind::prelu ? 5.0 : 1.0;
    const double unit = problem.dtype == DType::f16    ? 0x1p-10
                        : problem.dtype == DType::bf16 ? 0x1p-7
                                                       : 0x1p-22;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double error = std::abs(actual[i] - expected[i]);
      // Rounding of the sum in f32, and of the result in its type.
      const double tolerance = stretch * 0x1p-21 * magnitude[i] + unit * std::abs(expected[i]) + 0x1p-24;
      ASSERT_TRUE(error <= tolerance) << i << ": " << actual[i] << " for " << expected[i];
    }
  });
}

TEST(Convolution, RunsAreBitEqualWhateverTheThreads) {
  for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
    if (seed % 4 != 0) return;
    const ConvCase c(problem, Values::normal, seed);
    ExecutionContext one({.num_threads = 1});
    const Tensor first = c.run(row.name, one);
    EXPECT_TRUE(bit_equal(first, c.run(row.name, one))) << "second run";
    for (const int threads : {2, 3, 7}) {
      ExecutionContext many({.num_threads = threads});
      EXPECT_TRUE(bit_equal(first, c.run(row.name, many))) << threads << " threads";
    }
  });
}

}  // namespace
}  // namespace upconv::test
