#include <cmath>

#include "allocations.h"
#include "problems.h"
#include "targets.h"
#include <gtest/gtest.h>

#include <upconv/kernels/linear.h>

namespace upconv::test {
namespace {

using kernels::LinearProblem;

std::vector<LinearProblem> linear_problems() {
  std::vector<LinearProblem> problems;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t rows : {1, 3, 4, 17, 300}) {
      for (const std::int64_t in : {1, 100, 300}) {
        for (const std::int64_t out : {1, 16, 130})
          problems.push_back({.rows = rows, .in_features = in, .out_features = out, .dtype = dtype});
      }
    }
  }
  return problems;
}

struct LinearCase {
  LinearCase(const LinearProblem& p, Values values, std::uint32_t seed) : problem(p) {
    std::mt19937 random(seed);
    x = random_tensor({p.rows, p.in_features}, p.dtype, values, random);
    weight = random_tensor({p.out_features, p.in_features}, p.dtype, values, random);
    if (seed % 3 != 0) bias = random_tensor({p.out_features}, p.dtype, values, random);
  }

  Tensor run(const kernels::LinearRow& row, ExecutionContext& ctx) const {
    const Shape shape{problem.rows, problem.out_features};
    GuardedTensor y(shape, problem.dtype);
    row.launch(problem, {.x = x, .weight = weight, .bias = bias, .y = y.view()}, ctx);
    EXPECT_TRUE(y.guards_intact());
    Tensor result = Tensor::empty(shape, problem.dtype);
    copy(result, y.view());
    return result;
  }

  LinearProblem problem;
  Tensor x, weight, bias;
};

TEST(Linear, ExactValuesGiveTheReferenceBitForBit) {
  const auto rows = kernels::linear_rows(Device::Type::cpu);
  for (const auto& row : rows.first(rows.size() - 1)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx({.num_threads = 2});
      std::uint32_t seed = 0;
      for (const LinearProblem& problem : linear_problems()) {
        const LinearCase c(problem, Values::exact, ++seed);
        ASSERT_EQ(to_doubles(c.run(rows.back(), ctx)), to_doubles(c.run(row, ctx)))
            << row.name << ' ' << hwy::TargetName(target) << ' ' << problem.to_string();
      }
    }
  }
}

TEST(Linear, RandomValuesStayWithinTheToleranceAndRunsAreBitEqual) {
  const auto rows = kernels::linear_rows(Device::Type::cpu);
  ExecutionContext one({.num_threads = 1}), two({.num_threads = 2}), three({.num_threads = 3});
  for (const auto& row : rows.first(rows.size() - 1)) {
    std::uint32_t seed = 0;
    for (const LinearProblem& problem : linear_problems()) {
      SCOPED_TRACE(testing::Message() << row.name << ' ' << problem.to_string());
      const LinearCase c(problem, Values::normal, ++seed);
      const Tensor actual = c.run(row, one);
      EXPECT_TRUE(bit_equal(actual, c.run(row, one)));
      EXPECT_TRUE(bit_equal(actual, c.run(row, two)));
      EXPECT_TRUE(bit_equal(actual, c.run(row, three)));
      const std::vector<double> expected = to_doubles(c.run(rows.back(), one)), values = to_doubles(actual);
      const double unit = problem.dtype == DType::f16    ? 0x1p-10
                          : problem.dtype == DType::bf16 ? 0x1p-7
                                                         : 0x1p-22;
      const double magnitude = 5.0 * static_cast<double>(problem.in_features + 1);  // of normal values
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double error = std::abs(values[i] - expected[i]);
        ASSERT_TRUE(error <= 0x1p-21 * magnitude + unit * std::abs(expected[i]))
            << values[i] << " for " << expected[i];
      }
    }
  }
}

TEST(Linear, NothingIsAllocatedAfterTheFirstRun) {
  for (const LinearProblem& problem : linear_problems()) {
    const LinearCase c(problem, Values::normal, 1);
    Tensor y = Tensor::empty({problem.rows, problem.out_features}, problem.dtype);
    ExecutionContext ctx({.num_threads = 2});
    const auto& row = kernels::linear_rows(Device::Type::cpu).front();
    const kernels::LinearOperands operands{.x = c.x, .weight = c.weight, .bias = c.bias, .y = y};
    row.launch(problem, operands, ctx);
    row.launch(problem, operands, ctx);
    const std::size_t before = allocation_count(), capacity = ctx.workspace().capacity();
    row.launch(problem, operands, ctx);
    ASSERT_EQ(allocation_count(), before) << problem.to_string();
    ASSERT_EQ(ctx.workspace().capacity(), capacity);
    ASSERT_LE(capacity, row.workspace_bytes(problem, ctx) + Buffer::kAlignment);
  }
}

}  // namespace
}  // namespace upconv::test
