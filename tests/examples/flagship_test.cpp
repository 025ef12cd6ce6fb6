// The flagship's check, and the program, run as a user runs it.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "flagship/check.h"
#include "flagship/random.h"
#include "flagship/timer.h"
#include "program.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flagship {
namespace {

namespace fs = std::filesystem;
using examples::Numbers;
using examples::Outcome;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using upconv::DType;
using upconv::Tensor;

constexpr Numbers kNumbers[] = {{DType::f32, upconv::Precision::fp32},
                                {DType::f32, upconv::Precision::tf32},
                                {DType::f16, upconv::Precision::fp32},
                                {DType::bf16, upconv::Precision::fp32}};

/// The layer's operands in these numbers, as f32 on the CPU.
struct Operands {
  Tensor x, weight, y;

  explicit Operands(Numbers numbers) {
    upconv::ExecutionContext ctx({.precision = numbers.precision, .num_threads = 2});
    upconv::ConvTranspose2d layer = make_layer();
    layer.to(numbers.dtype);
    upconv::load_hdf5(layer, FLAGSHIP_WEIGHTS);
    layer.prepare(ctx);
    const Tensor input = random_normal({2, kChannels, 9, 20}, 5).to(numbers.dtype);
    x = input.to(DType::f32);
    weight = layer.state_dict().at("weight").to(DType::f32);
    y = layer.forward(input, ctx).to(DType::f32);
  }
  Check check(Numbers numbers) const { return check_sample(x, weight, y, numbers, 1000); }
};

TEST(Check, RightOutputsPassInEveryPrecision) {
  for (const Numbers numbers : kNumbers) {
    const Check check = Operands(numbers).check(numbers);
    EXPECT_TRUE(check.passed()) << check.peer << ' ' << check.error << ' ' << check.allowed;
    EXPECT_EQ(check.outputs, std::size_t{1000 + 2 * kChannels * 4});
  }
}

TEST(Check, OneWrongCornerFails) {
  for (const float wrong : {1.0f, std::nanf(""), INFINITY}) {
    Operands operands(kNumbers[0]);
    operands.y.data<float>().back() += wrong;
    const Check check = operands.check(kNumbers[0]);
    EXPECT_GE(check.wrong, 1u);
    EXPECT_FALSE(check.passed());
  }
}

/// Each output may be near enough for its own tolerance, and all of them together still too far off.
TEST(Check, LowerPrecisionThanPromisedFails) {
  Operands operands(kNumbers[0]);
  for (float& value : operands.y.data<float>())
    value *= 1.0f + 0x1p-20f;
  const Check check = operands.check(kNumbers[0]);
  EXPECT_EQ(check.wrong, 0u);
  EXPECT_FALSE(check.passed());
  const Operands half(kNumbers[2]);
  EXPECT_FALSE(half.check(kNumbers[0]).passed());
}

TEST(Precision, HasTheSameWordsEverywhere) {
  const char* names[] = {"fp32", "tf32", "f16", "bf16"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    EXPECT_EQ(examples::parse_precision(names[i]).dtype, kNumbers[i].dtype);
    EXPECT_EQ(examples::parse_precision(names[i]).precision, kNumbers[i].precision);
  }
  try {
    examples::parse_precision("fp16");
    ADD_FAILURE() << "fp16 was accepted";
  } catch (const upconv::ArgumentError& error) {
    EXPECT_STREQ(error.what(), "precision must be fp32, tf32, f16 or bf16, got 'fp16'");
  }
}

TEST(Random, IsNormal) {
  const Tensor values = random_normal({300000}, 1);
  double sum = 0, squares = 0;
  for (const float value : values.data<float>()) {
    sum += value;
    squares += double{value} * value;
  }
  EXPECT_NEAR(sum / 300000, 0.0, 0.01);
  EXPECT_NEAR(squares / 300000, 1.0, 0.01);
}

TEST(Timer, TimesEveryRunAndSorts) {
  upconv::ExecutionContext ctx;
  int runs = 0;
  const std::vector<double> seconds = time_runs(ctx, 4, [&](int i) { EXPECT_EQ(i, runs++); });
  EXPECT_EQ(seconds.size(), 4u);
  EXPECT_TRUE(std::ranges::is_sorted(seconds));
  EXPECT_EQ(median({1.0, 2.0, 9.0}), 2.0);
  EXPECT_EQ(median({1.0, 2.0, 4.0, 9.0}), 3.0);
}

class Flagship : public examples::ProgramTest {
 protected:
  Flagship() : ProgramTest(FLAGSHIP_PROGRAM) {}
};

TEST_F(Flagship, RunsWithItsOwnWeights) {
  const Outcome result = run("--height 12 --width 40 --repeats 2 --threads 2");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("flagship in fp32: n1ci32ih12iw40co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32"),
                    HasSubstr("cpu, 2 threads"), HasSubstr("flagship.h5"), HasSubstr("kernel    cpu.direct"),
                    HasSubstr("median of 2 runs"), HasSubstr("FLOP/s"), HasSubstr("GB/s"),
                    ContainsRegex("error     [0-9.e-]+ relative, over 4224 outputs"),
                    HasSubstr("> cpu.direct "), HasSubstr("cpu.reference ")));
  EXPECT_EQ(result.err, "");
}

TEST_F(Flagship, EveryPrecisionRuns) {
  for (const char* precision : {"fp32", "tf32", "f16", "bf16"}) {
    const Outcome result =
        run("--batch 2 --height 5 --width 9 --repeats 1 --precision " + std::string(precision));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("flagship in " + std::string(precision)), HasSubstr("median of 1 run;")));
  }
}

TEST_F(Flagship, EveryPrecisionRunsOnAGpu) {
  if (upconv::cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device here";
  for (const char* precision : {"fp32", "tf32", "f16", "bf16"}) {
    const Outcome result =
        run("--device cuda --batch 2 --height 30 --width 200 --precision " + std::string(precision));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("cuda:0 ("), HasSubstr("kernel    cuda."),
                                  HasSubstr("of what Linear 8192x8192x8192 reaches here")));
  }
}

TEST_F(Flagship, ExplainRunsNothing) {
  const Outcome result = run("--explain --batch 8");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("n8ci32ih512iw1024co32kh3kw7"), HasSubstr("> cpu.direct "),
                                Not(HasSubstr("median"))));
}

TEST_F(Flagship, HelpNamesTheOptions) {
  const Outcome result = run("--help");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* option :
       {"--device", "--precision", "--weights", "--batch", "--height", "--width", "--repeats", "--threads",
        "--explain", "--version", "Exit code: 0 done and right, 1 failed or wrong, 2 wrong usage."})
    EXPECT_THAT(result.out, HasSubstr(option));
}

TEST_F(Flagship, SaysItsVersion) {
  const Outcome result = run("--version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "flagship " + std::string(upconv::version()) + '\n');
}

TEST_F(Flagship, WrongUsageExitsWith2) {
  for (const char* arguments : {"weights.h5", "--precision fp16", "--batch 0", "--width -1", "--repeats x"}) {
    const Outcome result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.err, HasSubstr("--help")) << arguments;
  }
}

/// A command line that fails, and words of the message.
struct BadRun {
  std::string arguments;
  std::string message;
};

TEST_F(Flagship, FailuresExitWith1AndSayWhy) {
  std::ofstream(folder_ / "bad.h5") << "not HDF5";
  upconv::StateDict weights;
  weights.insert("weight", Tensor::zeros({32, 32, 7, 3}));
  upconv::write_hdf5(folder_ / "turned.h5", weights);
  upconv::StateDict infinite;
  infinite.insert("weight", Tensor::full({32, 32, 3, 7}, INFINITY));
  upconv::write_hdf5(folder_ / "infinite.h5", infinite);
  const BadRun runs[] = {
      {"--weights none.h5", "cannot read 'none.h5': there is no such file"},
      {"--weights bad.h5", "cannot read 'bad.h5'"},
      {"--weights turned.h5", "weight expected [32,32,3,7], got [32,32,7,3]"},
      {"--weights infinite.h5", "infinite.h5"},
      {"--device tpu", "tpu"},
      {"--device cuda:77", "cuda:77"},
  };
  for (const BadRun& bad : runs) {
    const Outcome result = run(bad.arguments);
    EXPECT_EQ(result.exit_code, 1) << bad.arguments;
    EXPECT_THAT(result.err, AllOf(testing::StartsWith("flagship: "), HasSubstr(bad.message)))
        << bad.arguments;
    EXPECT_EQ(result.out, "") << bad.arguments;
  }
}

}  // namespace
}  // namespace flagship
