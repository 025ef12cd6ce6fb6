#include <algorithm>

#include "problems.h"
#include <gtest/gtest.h>

#include <upconv/kernels/linear.h>

// Scratch is bounded by what is computed and by a constant for each thread, never by a product of the two.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::LinearProblem;

constexpr std::size_t kMegabyte = 1024 * 1024;

/// The operands' bytes, counted as f32.
std::size_t operand_bytes(const ConvProblem& p) {
  const std::int64_t count = p.x_shape().numel() + p.y_shape().numel() + p.weight_shape().numel();
  return static_cast<std::size_t>(count) * sizeof(float);
}

/// Layers whose least tile reads much: many channels, wide dilation, large kernels, large strides.
std::vector<ConvProblem> demanding_problems() {
  std::vector<ConvProblem> problems;
  for (const char* text : {
           "n1ci2048ih65iw65co256kh3kw3_s1x1_p36x36_zeros_d36x36_g1_f32",  // DeepLab's ASPP
           "n1ci2048ih65iw65co256kh3kw3_s1x1_p36x36_replicate_d36x36_g1_bf16",
           "n1ci2048ih33iw33co2048kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
           "n64ci2048ih2iw2co512kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f16",
           "n1ci512ih100iw100co512kh31kw31_s1x1_p15x15_zeros_d1x1_g512_f32",
           "n1ci256ih128iw128co256kh7kw7_s4x4_p3x3_zeros_d1x1_g1_f32",
           "n1ci3ih300iw300co1kh129kw129_s1x1_p64x64_zeros_d1x1_g1_f32",
           "n1ci8ih20iw20co8kh64kw64_s64x64_p0x0_op0x0_d1x1_g1_f32",
       }) {
    problems.push_back(ConvProblem::parse(text));
  }
  return problems;
}

TEST(Workspace, OfAConvolutionIsBoundedByTheProblem) {
  std::vector<ConvProblem> problems = demanding_problems();
  for (const ConvProblem& problem : corner_problems())
    problems.push_back(problem);
  for (const ConvProblem& problem : random_problems(1, 400))
    problems.push_back(problem);
  const auto& row = kernels::convolution_rows(Device::Type::cpu).front();
  for (const int threads : {1, 2, 64, 1000}) {
    const ExecutionContext ctx({.num_threads = threads});
    for (const ConvProblem& problem : problems) {
      const std::size_t bytes = row.workspace_bytes(problem, ctx);
      const std::size_t most =
          std::max(operand_bytes(problem), 2 * kMegabyte * static_cast<std::size_t>(threads));
      EXPECT_LE(bytes, most + 2 * kMegabyte) << problem.to_string() << " on " << threads << " threads";
    }
  }
}

TEST(Workspace, OfSmallProblemsGrowsWithTheWorkAlone) {
  const auto& row = kernels::convolution_rows(Device::Type::cpu).front();
  const ExecutionContext few({.num_threads = 4}), many({.num_threads = 64});
  for (const char* text : {"n1ci3ih9iw9co4kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
                           "n1ci16ih8iw8co8kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32"}) {
    const auto problem = ConvProblem::parse(text);
    EXPECT_EQ(row.workspace_bytes(problem, few), row.workspace_bytes(problem, many)) << text;
  }
}

TEST(Workspace, ExplainShowsIt) {
  const auto problem = ConvProblem::parse("n1ci2048ih65iw65co256kh3kw3_s1x1_p36x36_zeros_d36x36_g1_f32");
  const auto rows = kernels::convolution_rows(Device::Type::cpu);
  const ExecutionContext ctx({.num_threads = 64});
  const std::string text = kernels::explain(problem.op(), rows, problem, ctx);
  const std::string bytes = std::to_string(rows.front().workspace_bytes(problem, ctx));
  EXPECT_NE(text.find("runs, " + bytes + " bytes of scratch"), std::string::npos) << text;
}

// Slices of the input channels, and sums that wait between them, change no bit.
TEST(Workspace, ProblemsInSlicesGiveTheReference) {
  for (const char* text : {"n1ci300ih30iw30co9kh3kw3_s1x1_p12x12_zeros_d12x12_g1_f32",
                           "n1ci200ih9iw40co70kh3kw3_s1x1_p60x60_zeros_d60x60_g1_f32",  // many blocks
                           "n1ci330ih30iw30co6kh3kw4_s2x2_p12x12_op1x1_d12x13_g1_f32",
                           "n1ci330ih30iw40co1kh24kw24_s2x2_p12x12_op1x1_d1x1_g1_f16",  // folded
                           "n1ci300ih30iw30co9kh3kw3_s1x1_p12x12_reflect_d12x12_g1_bf16",
                           "n17ci4096ih2iw2co5kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32"}) {
    const auto problem = ConvProblem::parse(text);
    ConvCase c(problem, Values::exact, 11, true, kernels::ActivationKind::relu);
    ExecutionContext one({.num_threads = 1}), three({.num_threads = 3});
    const std::vector<double> expected = to_doubles(c.run("cpu.reference", one));
    EXPECT_EQ(to_doubles(c.run("cpu.direct", one)), expected) << text;
    EXPECT_EQ(to_doubles(c.run("cpu.direct", three)), expected) << text;
  }
}

TEST(Workspace, OfLinearIsBoundedByTheProblem) {
  const auto& row = kernels::linear_rows(Device::Type::cpu).front();
  for (const int threads : {1, 2, 64}) {
    const ExecutionContext ctx({.num_threads = threads});
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const std::int64_t in : {10, 1000, 100000}) {
        for (const std::int64_t m : {1, 300, 20000}) {
          const LinearProblem p{.rows = m, .in_features = in, .out_features = 2000, .dtype = dtype};
          const auto operands = static_cast<std::size_t>((m + 2000) * in + m * 2000) * sizeof(float);
          const std::size_t most = std::max(operands, 2 * kMegabyte * static_cast<std::size_t>(threads));
          // x in f32, and a thread's tile of the weights.
          EXPECT_LE(row.workspace_bytes(p, ctx), most + operands + kMegabyte)
              << p.to_string() << " on " << threads << " threads";
        }
      }
    }
  }
}

}  // namespace
}  // namespace upconv::test
