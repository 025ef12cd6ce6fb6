#include <string>

#include "problems.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/pad.h>

namespace upconv::test {
namespace {

using kernels::PadMode;
using kernels::PadProblem;
using ::testing::HasSubstr;

/// A problem of up to eight dimensions, with amounts as large as the mode allows.
PadProblem random_problem(std::mt19937& random) {
  const auto draw = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, std::max(least, most))(random);
  };
  PadProblem p{.mode = static_cast<PadMode>(draw(0, 3)),
               .value = static_cast<double>(draw(-3, 3)),
               .dtype = static_cast<DType>(draw(0, 4))};
  const auto rank = static_cast<int>(draw(0, 8));
  for (int dim = 0; dim < rank; ++dim) {
    const std::int64_t size = draw(rank > 4 ? 1 : 2, rank > 4 ? 3 : rank < 3 ? 90 : 9);
    const std::int64_t most = p.mode == PadMode::reflect ? size - 1 : p.mode == PadMode::circular ? size : 5;
    std::int64_t before = 0, after = 0;
    if (draw(0, 1) == 1) {
      before = draw(0, most);
      after = draw(0, most);
    }
    if (p.mode != PadMode::circular && draw(0, 3) == 0) before = -draw(0, size - 1);
    if (before + size + after < 1) after = 0;
    p.add(size, before, after);
  }
  return p;
}

TEST(Pad, RowsAgreeWithTheReference) {
  std::mt19937 random(11);
  for (int round = 0; round < 600; ++round) {
    const PadProblem problem = random_problem(random);
    SCOPED_TRACE(problem.to_string());
    const Tensor x = random_tensor(problem.x_shape(), DType::f32, Values::exact, random).to(problem.dtype);
    std::vector<Tensor> results;
    for (const char* row : {"cpu.reference", "cpu.rows"}) {
      for (const int threads : {1, 3}) {
        ExecutionContext ctx({.num_threads = threads, .kernels = {{"pad", row}}});
        Tensor y = Tensor::full(problem.y_shape(), 77, problem.dtype);
        kernels::pad(problem, {.x = x, .y = y}, "test", ctx);
        results.push_back(std::move(y));
        EXPECT_TRUE(bit_equal(results.back(), results.front())) << row << ' ' << threads;
      }
    }
  }
}

TEST(Pad, ALongRowIsSharedByThreads) {
  std::mt19937 random(12);
  for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular}) {
    PadProblem problem{.mode = mode, .value = 2};
    problem.add(100001, 70001, 40003);
    const Tensor x = random_tensor(problem.x_shape(), DType::f32, Values::exact, random);
    Tensor y = Tensor::zeros(problem.y_shape()), expected = Tensor::zeros(problem.y_shape());
    ExecutionContext ctx({.num_threads = 4}), plain({.kernels = {{"pad", "cpu.reference"}}});
    kernels::pad(problem, {.x = x, .y = y}, "test", ctx);
    kernels::pad(problem, {.x = x, .y = expected}, "test", plain);
    EXPECT_TRUE(bit_equal(y, expected)) << problem.to_string();
  }
}

TEST(Pad, MergesWhatCanBeWalkedAsOne) {
  PadProblem p{.mode = PadMode::reflect};
  for (const std::int64_t size : {2, 3, 4, 5, 1, 6})
    p.add(size, size == 4 ? 1 : 0, size == 4 ? 2 : 0);
  EXPECT_EQ(p.merged().to_string(), "reflect_6x4x30_b0x1x0_a0x2x0_f32");
  p.mode = PadMode::constant;
  p.value = -1.5;
  EXPECT_EQ(p.merged().to_string(), "constant-1.5_6x120_b0x30_a0x60_f32");
  EXPECT_EQ((PadProblem{.dtype = DType::i64}.merged().to_string()), "constant_1_b0_a0_i64");
}

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

TEST(Pad, RefusesWhatHasNoElementToBe) {
  const auto text = [](PadMode mode, std::int64_t size, std::int64_t before, std::int64_t after) {
    PadProblem p{.mode = mode};
    p.add(2, 0, 0);
    p.add(size, before, after);
    return refusal([&] { validate(p); });
  };
  EXPECT_THAT(text(PadMode::reflect, 3, 3, 0),
              HasSubstr("pad: reflected padding must be less than the size: dimension 1 of "
                        "reflect_2x3_b0x3_a0x0_f32"));
  EXPECT_THAT(text(PadMode::circular, 3, 0, 4), HasSubstr("must not be more than the size"));
  EXPECT_THAT(text(PadMode::circular, 3, -1, 0), HasSubstr("must not be negative"));
  EXPECT_THAT(text(PadMode::replicate, 0, 1, 0), HasSubstr("has none to replicate"));
  EXPECT_THAT(text(PadMode::constant, 3, -4, 0), HasSubstr("-1"));
  EXPECT_THAT(text(static_cast<PadMode>(7), 3, 1, 0), HasSubstr("PadMode(7) is no mode"));
  PadProblem deep;
  EXPECT_THAT(refusal([&] {
                for (int i = 0; i < 9; ++i)
                  deep.add(1, 0, 0);
              }),
              HasSubstr("more than 8 dimensions"));
}

TEST(Pad, ChecksItsOperands) {
  PadProblem p;
  p.add(4, 1, 1);
  ExecutionContext ctx;
  const Tensor x = Tensor::zeros({4});
  Tensor y = Tensor::zeros({6}), small = Tensor::zeros({5}), halves = Tensor::zeros({6}, DType::f16);
  EXPECT_THROW(kernels::pad(p, {.x = x, .y = small}, "test", ctx), ShapeError);
  EXPECT_THROW(kernels::pad(p, {.x = x, .y = halves}, "test", ctx), DTypeError);
  EXPECT_THROW(kernels::pad(p, {.x = {}, .y = y}, "test", ctx), ArgumentError);
  PadProblem crop;
  crop.add(6, -1, 0);
  EXPECT_THROW(kernels::pad(crop, {.x = y, .y = TensorView(y.view().raw(), {{5}, DType::f32, Device::cpu()})},
                            "test", ctx),
               ArgumentError);
}

}  // namespace
}  // namespace upconv::test
