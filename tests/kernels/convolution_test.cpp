#include <array>
#include <cmath>

#include "allocations.h"
#include "epilogues.h"
#include "problems.h"
#include "targets.h"
#include <gtest/gtest.h>

#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/convolution_plan.h>

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

/// The reference and the row give the same bits, with an epilogue of this form.
void expect_same_as_reference(const ConvRow& row, const ConvProblem& problem,
                              const kernels::EpilogueForm& form, std::uint32_t seed) {
  std::mt19937 random(seed);
  const ConvCase c(problem, Values::exact, seed);
  const EpilogueCase one(form, problem.co, problem.y_shape(), problem.dtype, Values::exact, random);
  const auto run = [&](std::string_view name) {
    Tensor y = Tensor::empty(problem.y_shape(), problem.dtype);
    kernels::ConvOperands operands = c.operands(y);
    operands.epilogue = one.epilogue();
    ExecutionContext forced({.num_threads = 2, .kernels = {{std::string(problem.op()), std::string(name)}}});
    kernels::convolution(problem, operands, "", forced);
    return to_doubles(y);
  };
  EXPECT_EQ(run("cpu.reference"), run(row.name)) << form.to_string();
}

/// All rungs, alone and together.
TEST(Convolution, EveryRowAppliesEveryEpilogue) {
  const std::vector<kernels::EpilogueForm> forms = exact_forms();
  std::size_t turn = 0;
  for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
    expect_same_as_reference(row, problem, forms[turn++ % forms.size()], seed);
  });
}

/// The images of a tile are gathered, pixel by pixel: with their residual, if there is one.
TEST(Convolution, ABatchOfSinglePixelsPassesEveryEpilogue) {
  const ConvProblem problem = ConvProblem::parse("n33ci32ih1iw1co33kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f32");
  for (const std::int64_t lanes : {1, 4, 8, 16})
    ASSERT_EQ(kernels::cpu::TileMode::batch, kernels::cpu::ConvPlan(problem, lanes, 2).mode);
  const ConvRow row = fast_rows().front();
  std::uint32_t seed = 0;
  for (const kernels::EpilogueForm& form : exact_forms()) {
    expect_same_as_reference(row, problem, form, ++seed);
    if (testing::Test::HasFailure()) return;
  }
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

TEST(Convolution, EveryInstructionSetGivesTheReference) {
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    ExecutionContext ctx({.num_threads = 2});
    for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
      if (seed % 3 != 0) return;
      const ConvCase c(problem, Values::exact, seed);
      ASSERT_EQ(to_doubles(c.run("cpu.reference", ctx)), to_doubles(c.run(row.name, ctx)))
          << hwy::TargetName(target);
    });
  }
}

/// The window [top, top + ih) x [left, left + iw) of x.
Tensor crop(const Tensor& x, std::int64_t top, std::int64_t left, std::int64_t ih, std::int64_t iw) {
  const Shape& shape = x.shape();
  Tensor result = Tensor::empty({shape[0], shape[1], ih, iw});
  std::size_t i = 0;
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    for (std::int64_t row = top; row < top + ih; ++row) {
      for (std::int64_t col = left; col < left + iw; ++col)
        result.data<float>()[i++] =
            x.data<float>()[static_cast<std::size_t>((plane * shape[2] + row) * shape[3] + col)];
    }
  }
  return result;
}

// A network that runs over a picture in tiles must give what it gives on the whole picture, to the bit.
TEST(Convolution, APixelDoesNotDependOnItsPlaceOrTheImageAroundIt) {
  ExecutionContext ctx({.num_threads = 2});
  for (const ConvRow& row : fast_rows()) {
    for (const char* text : {"n1ci5ih30iw300co9kh3kw7_s1x1_p0x0_op0x0_d1x1_g1_f32",
                             "n2ci56ih12iw90co1kh9kw9_s2x2_p0x0_op0x0_d1x1_g1_f32",
                             "n1ci6ih20iw50co6kh4kw4_s3x2_p0x0_op0x0_d1x1_g3_f32",
                             "n1ci40ih20iw50co12kh3kw3_s1x1_p0x0_zeros_d2x1_g1_f32",
                             "n1ci3ih20iw80co17kh5kw5_s1x1_p0x0_zeros_d1x1_g1_f32",
                             "n20ci30ih9iw9co12kh2kw2_s1x1_p0x0_zeros_d1x1_g1_f32",
                             "n1ci12ih20iw80co56kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32"}) {
      const ConvCase whole(ConvProblem::parse(text), Values::normal, 3, true, ActivationKind::tanh);
      const ConvProblem& p = whole.problem;
      const Tensor expected = whole.run(row.name, ctx);
      for (const auto& [top, left, ih, iw] : {std::array<std::int64_t, 4>{1, 1, 7, 8},
                                              {2, 3, 5, 5},
                                              {0, 0, 9, 9},
                                              {1, 0, 8, 9},
                                              {3, 1, 6, 7}}) {
        ConvCase part(p, Values::normal, 3, true, ActivationKind::tanh);
        part.x = crop(whole.x, top, left, ih, iw);
        part.problem.ih = ih;
        part.problem.iw = iw;
        const Tensor actual = part.run(row.name, ctx);
        // Outputs whose every tap lies inside the window.
        const std::int64_t reach_h = p.dilation_h * (p.kh - 1), reach_w = p.dilation_w * (p.kw - 1);
        const std::int64_t begin_h = p.transposed ? reach_h : 0, begin_w = p.transposed ? reach_w : 0;
        const std::int64_t end_h = part.problem.oh() - (p.transposed ? reach_h : 0);
        const std::int64_t end_w = part.problem.ow() - (p.transposed ? reach_w : 0);
        const std::int64_t step_h = p.transposed ? p.stride_h : 1, step_w = p.transposed ? p.stride_w : 1;
        for (std::int64_t plane = 0; plane < p.n * p.co; ++plane) {
          for (std::int64_t oh = begin_h; oh < end_h; ++oh) {
            for (std::int64_t ow = begin_w; ow < end_w; ++ow) {
              const float of_part = actual.data<float>()[static_cast<std::size_t>(
                  (plane * part.problem.oh() + oh) * part.problem.ow() + ow)];
              const float of_whole = expected.data<float>()[static_cast<std::size_t>(
                  (plane * p.oh() + oh + top * step_h) * p.ow() + ow + left * step_w)];
              ASSERT_EQ(of_part, of_whole) << text << " at " << plane << ' ' << oh << ' ' << ow;
            }
          }
        }
      }
    }
  }
}

TEST(Convolution, NothingIsAllocatedAfterTheFirstRun) {
  for_each_case([&](const ConvRow& row, const ConvProblem& problem, std::uint32_t seed) {
    const ConvCase c(problem, Values::exact, seed);
    Tensor y = Tensor::empty(problem.y_shape(), problem.dtype);
    const kernels::ConvOperands operands = c.operands(y);
    ExecutionContext ctx({.num_threads = 2});
    row.launch(problem, operands, ctx);
    row.launch(problem, operands, ctx);
    const std::size_t before = allocation_count(), capacity = ctx.workspace().capacity();
    row.launch(problem, operands, ctx);
    ASSERT_EQ(allocation_count(), before);
    ASSERT_EQ(ctx.workspace().capacity(), capacity);
    ASSERT_LE(capacity, row.workspace_bytes(problem, ctx) + Buffer::kAlignment);
  });
}

// Errors accumulate as in a plain loop of fp32 multiply-adds over ci, kh, kw, which cpu.direct also is.
TEST(Convolution, IsAsAccurateAsAPlainLoop) {
  ExecutionContext ctx;
  for (const ConvRow& row : fast_rows()) {
    const ConvCase c(ConvProblem::parse("n1ci64ih9iw33co8kh3kw7_s1x1_p0x0_zeros_d1x1_g1_f32"), Values::normal,
                     9, false);
    const ConvProblem& p = c.problem;
    const std::vector<double> exact = to_doubles(c.run("cpu.reference", ctx)),
                              fast = to_doubles(c.run(row.name, ctx));
    double fast_error = 0, plain_error = 0;
    std::size_t i = 0;
    for (std::int64_t co = 0; co < p.co; ++co) {
      for (std::int64_t oh = 0; oh < p.oh(); ++oh) {
        for (std::int64_t ow = 0; ow < p.ow(); ++ow, ++i) {
          float sum = 0;
          for (std::int64_t ci = 0; ci < p.ci; ++ci) {
            for (std::int64_t kh = 0; kh < p.kh; ++kh) {
              for (std::int64_t kw = 0; kw < p.kw; ++kw) {
                sum = std::fma(
                    c.x.data<float>()[static_cast<std::size_t>((ci * p.ih + oh + kh) * p.iw + ow + kw)],
                    c.weight
                        .data<float>()[static_cast<std::size_t>(((co * p.ci + ci) * p.kh + kh) * p.kw + kw)],
                    sum);
              }
            }
          }
          plain_error += std::pow(static_cast<double>(sum) - exact[i], 2);
          fast_error += std::pow(fast[i] - exact[i], 2);
        }
      }
    }
    EXPECT_TRUE(std::sqrt(fast_error) <= 1.05 * std::sqrt(plain_error)) << row.name;
  }
}

const float* floats_of(const kernels::PackedWeight& packed) {
  return reinterpret_cast<const float*>(packed.data(*packed.find("cpu.direct")));
}

TEST(ConvolutionPack, UnpacksToTheWeight) {
  for (const ConvProblem& problem : all_problems()) {
    const ConvCase c(problem, Values::exact, 4);
    ASSERT_TRUE(bit_equal(kernels::cpu::unpack_convolution_weight(problem, floats_of(c.packed)),
                          c.weight.to(DType::f32)))
        << problem.to_string();
  }
}

TEST(ConvolutionPack, StandsWhereTheSpecificationSays) {
  // Ci 2, Co 10, kernel 1x3, stride 2: two blocks of eight channels; columns 0 and 2 are phase 0, column 1
  // phase 1.
  const auto problem = ConvProblem::parse("n1ci2ih1iw5co10kh1kw3_s1x2_p0x0_op0x0_d1x1_g1_f32");
  Tensor weight = Tensor::empty(problem.weight_shape());
  for (std::int64_t i = 0; i < weight.numel(); ++i)
    weight.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i + 1);
  const auto packed = kernels::pack_weight(problem, weight, Device::cpu());
  ASSERT_EQ(packed.bytes(), 2 * 2 * 3 * 8 * sizeof(float));
  const auto w = [&](std::int64_t ci, std::int64_t co, std::int64_t kw) {
    return weight.data<float>()[static_cast<std::size_t>((ci * 10 + co) * 3 + kw)];
  };
  const float* p = floats_of(packed);
  EXPECT_EQ(p[0], w(0, 0, 0));          // phase 0: ci 0, kw 0
  EXPECT_EQ(p[8 + 3], w(0, 3, 2));      // ci 0, kw 2
  EXPECT_EQ(p[2 * 8], w(1, 0, 0));      // ci 1
  EXPECT_EQ(p[4 * 8], w(0, 0, 1));      // phase 1: ci 0, kw 1
  EXPECT_EQ(p[5 * 8 + 7], w(1, 7, 1));  // ci 1
  EXPECT_EQ(p[6 * 8 + 1], w(0, 9, 0));  // the second block
  EXPECT_EQ(p[6 * 8 + 2], 0.0f);        // its filling
}

}  // namespace
}  // namespace upconv::test
