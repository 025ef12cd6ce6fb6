#include <array>

#include "problems.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::Verdict;
using testing::HasSubstr;

struct Size {
  int value = 0;
  std::string to_string() const { return "size" + std::to_string(value); }
};
void validate(const Size&) {}
struct Nothing {};
using SizeRow = kernels::KernelRow<Size, Nothing>;

std::size_t no_scratch(const Size&, const ExecutionContext&) {
  return 0;
}
void do_nothing(const Size&, const Nothing&, ExecutionContext&) {}

constexpr std::array kSizeRows = {
    SizeRow{"hopper",
            [](const Size&, const DeviceCaps& caps) {
              return caps.compute_capability >= 90 ? Verdict::yes() : Verdict::no("needs sm90");
            },
            no_scratch, do_nothing},
    SizeRow{"even",
            [](const Size& size, const DeviceCaps&) {
              return size.value % 2 == 0 ? Verdict::yes() : Verdict::no("odd size");
            },
            no_scratch, do_nothing},
    SizeRow{"plain", [](const Size&, const DeviceCaps&) { return Verdict::yes(); }, no_scratch, do_nothing},
};
constexpr std::span<const SizeRow> kRows = kSizeRows;

TEST(Selection, TheFirstRowThatSupportsTheProblemWins) {
  DeviceCaps caps;  // a made-up device
  EXPECT_EQ(kernels::select("linear", kRows, Size{4}, caps, "").name, "even");
  EXPECT_EQ(kernels::select("linear", kRows, Size{3}, caps, "").name, "plain");
  caps.compute_capability = 90;
  EXPECT_EQ(kernels::select("linear", kRows, Size{3}, caps, "").name, "hopper");
}

TEST(Selection, ForcingByName) {
  const DeviceCaps caps;
  EXPECT_EQ(kernels::select("linear", kRows, Size{4}, caps, "plain").name, "plain");
  try {
    kernels::select("linear", kRows, Size{3}, caps, "even");
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("forced kernel 'even' does not fit size3: odd size"));
  }
  try {
    kernels::select("linear", kRows, Size{3}, caps, "evn");
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no kernel 'evn'; there are: hopper, even, plain"));
  }
  EXPECT_THROW(kernels::select("linear", kRows.first(1), Size{3}, caps, ""), DeviceError);
}

TEST(Selection, ExplainTellsEveryRowsFate) {
  const ExecutionContext ctx;
  const std::string text = kernels::explain("linear", kRows, Size{4}, ctx);
  EXPECT_THAT(text,
              HasSubstr("linear size4 on cpu, " + std::string(kernels::instruction_set(Device::cpu()))));
  EXPECT_THAT(text, HasSubstr("needs sm90"));
  EXPECT_THAT(text, HasSubstr("> even"));
  EXPECT_THAT(text, HasSubstr("fits, but an earlier row is faster"));
  const ExecutionContext forced({.kernels = {{"linear", "plain"}}});
  EXPECT_THAT(kernels::explain("linear", kRows, Size{4}, forced), HasSubstr("runs, forced by name"));
}

TEST(Selection, AnOperatorThatDoesNotExistCannotBeForced) {
  const ExecutionContext ctx({.kernels = {{"conv3d", "plain"}}});
  EXPECT_THROW(kernels::forced_kernel("linear", ctx), ArgumentError);
}

TEST(Selection, ConvolutionRunsTheFastRowUnlessTheReferenceIsForced) {
  std::string ran;
  const auto trace = [&](const TraceEvent& event) { ran = event.kernel; };
  const ConvCase c(ConvProblem::parse("n1ci3ih5iw7co4kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32"), Values::exact, 1);
  Tensor y = Tensor::empty(c.problem.y_shape());
  ExecutionContext fast({.trace = trace});
  kernels::convolution(c.problem, c.operands(y), "layer", fast);
  EXPECT_EQ(ran, "cpu.direct");
  ExecutionContext plain({.kernels = {{"conv_transpose2d", "cpu.reference"}}, .trace = trace});
  kernels::convolution(c.problem, c.operands(y), "layer", plain);
  EXPECT_EQ(ran, "cpu.reference");
}

TEST(ConvProblem, StringsParseBack) {
  for (const std::vector<ConvProblem>& problems : {corner_problems(), random_problems(2, 300)}) {
    for (ConvProblem problem : problems) {
      EXPECT_EQ(ConvProblem::parse(problem.to_string()), problem) << problem.to_string();
      problem.dtype = DType::f32;
      problem.precision = Precision::tf32;
      EXPECT_EQ(ConvProblem::parse(problem.to_string()), problem) << problem.to_string();
    }
  }
}

std::string message_of(std::string_view text) {
  try {
    ConvProblem::parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConvProblem, MistakesAreNamed) {
  EXPECT_THAT(message_of(""), HasSubstr("expected 'n'"));
  EXPECT_THAT(message_of("n1ci3ih5"), HasSubstr("expected 'iw'"));
  EXPECT_THAT(message_of("n1cix"), HasSubstr("expected a number after 'ci'"));
  EXPECT_THAT(message_of("n1ci3ih5iw7co4kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32 "), HasSubstr("expected the end"));
  EXPECT_THAT(message_of("n1ci3ih5iw7co4kh3kw3_s0x1_p0x0_op0x0_d1x1_g1_f32"),
              HasSubstr("non-positive stride"));
  EXPECT_THAT(message_of("n1ci3ih5iw7co4kh3kw3_s1x1_p0x0_op0x0_d1x1_g2_f32"),
              HasSubstr("divisible by groups"));
  EXPECT_THAT(message_of("n1ci3ih5iw7co4kh3kw3_s2x2_p0x0_op2x0_d1x1_g1_f32"),
              HasSubstr("output padding must be smaller"));
  EXPECT_THAT(message_of("n1ci3ih1iw1co4kh3kw3_s1x1_p3x3_op0x0_d1x1_g1_f32"),
              HasSubstr("Output size is too small"));
  EXPECT_THAT(message_of("n1ci3ih2iw2co4kh3kw3_s1x1_p0x0_zeros_d1x1_g1_f32"),
              HasSubstr("Kernel size can't be greater than actual input size"));
  EXPECT_THAT(message_of("n1ci3ih2iw9co4kh3kw3_s1x1_p2x0_reflect_d1x1_g1_f32"),
              HasSubstr("Padding size should be less"));
}

}  // namespace
}  // namespace upconv::test
