// The program itself, run as a user runs it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/picture.h"
#include "program.h"
#include "upscale/fsrcnn.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace upscale {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

using examples::load_picture;
using examples::Outcome;
using examples::read_text;

class Program : public examples::ProgramTest {
 protected:
  Program() : ProgramTest(UPSCALE_PROGRAM) {
    for (const char* name : {"small.png", "original.png", "grey16.png"})
      fs::copy_file(fs::path(UPSCALE_GOLDEN) / name, folder_ / name);
  }
};

TEST_F(Program, EnlargesAPictureWithItsOwnWeights) {
  const Outcome result = run("small.png big.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("big.png: 38x26 RGB, from 19x13 RGB"), HasSubstr("FSRCNN in fp32"),
                                HasSubstr("fsrcnn_x2.h5"), HasSubstr("cpu"), HasSubstr("kernel    cpu."),
                                HasSubstr("deconv"), HasSubstr("megapixels/s")));
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(load_picture(folder_ / "big.png").picture.describe(), "38x26 RGB");
}

TEST_F(Program, TilesDoNotChangeThePicture) {
  ASSERT_EQ(run("small.png whole.png --tile 16384").exit_code, 0);
  ASSERT_EQ(run("small.png tiled.png --tile 8 --threads 1").exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "whole.png"), read_text(folder_ / "tiled.png"));
}

TEST_F(Program, EveryPrecisionRuns) {
  for (const char* precision : {"fp32", "tf32", "f16", "bf16"}) {
    const Outcome result = run("small.png big.png --precision " + std::string(precision));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("FSRCNN in " + std::string(precision)));
  }
}

TEST_F(Program, ComparesWithTheOriginal) {
  const Outcome result = run("small.png big.png --compare original.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("PSNR-Y    network [0-9.]+ dB, bicubic 22.60 dB"));
  EXPECT_TRUE(fs::exists(folder_ / "big_compare.png"));
}

TEST_F(Program, RefusesAnOriginalOfAnotherSize) {
  const Outcome result = run("small.png big.png --compare small.png");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the original must be 38x26, twice the input, but is 19x13"));
  EXPECT_FALSE(fs::exists(folder_ / "big.png"));
}

TEST_F(Program, ExplainsItsKernels) {
  const Outcome result = run("small.png big.png --explain");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("Conv2d 'feature' + PReLU 'feature_act'"),
                                HasSubstr("f32[1,56,13,19]"), HasSubstr("cpu.direct")));
}

TEST_F(Program, SaysThat16BitsAreReadAs8) {
  const Outcome result = run("grey16.png big.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("grey16.png: note: 16 bits a channel, read as 8"));
}

TEST_F(Program, HelpNamesTheOptions) {
  const Outcome result = run("--help");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* option : {"--weights", "--device", "--precision", "--threads", "--tile", "--compare",
                             "--explain", "--version", "Exit code: 0 done, 1 failed, 2 wrong usage."})
    EXPECT_THAT(result.out, HasSubstr(option));
  EXPECT_THAT(result.out, HasSubstr("EXIF"));
}

TEST_F(Program, SaysItsVersion) {
  const Outcome result = run("--version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "upscale " + std::string(upconv::version()) + '\n');
}

TEST_F(Program, NamesThePrecisions) {
  EXPECT_THAT(run("small.png big.png --precision fp16").err, HasSubstr("fp16 not in {fp32,tf32,f16,bf16}"));
}

TEST_F(Program, LeavesNoUnfinishedPicture) {
  const std::string command = "cd '" + folder_.string() + "' && trap '' XFSZ && ulimit -f 0 && '" + program_ +
                              "' small.png cut.png 2>&1 | cat >err.txt";
  EXPECT_EQ(std::system(("bash -c \"set -o pipefail; " + command + "\"").c_str()), 1 << 8);
  EXPECT_FALSE(fs::exists(folder_ / "cut.png"));
}

TEST_F(Program, WrongUsageExitsWith2) {
  for (const char* arguments : {"", "small.png", "small.png big.png third.png", "small.png big.png --fast",
                                "small.png big.png --precision fp16", "small.png big.png --threads -1",
                                "small.png big.png --tile 0", "small.png big.png --tile x"}) {
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

TEST_F(Program, FailuresExitWith1AndSayWhy) {
  std::ofstream(folder_ / "text.png") << "not a picture";
  std::ofstream(folder_ / "bad.h5") << "not HDF5";
  upconv::StateDict other;
  other.insert("features.weight", upconv::Tensor::zeros({56, 1, 5, 5}));
  upconv::write_hdf5(folder_ / "other.h5", other);
  const BadRun runs[] = {
      {"none.png big.png", "none.png: cannot read it: No such file or directory"},
      {". big.png", "is a directory, not a picture"},
      {"text.png big.png", "text.png: cannot be read as PNG or JPEG"},
      {"small.png none/big.png", "there is no folder none"},
      {"small.png big.jpg", "ends in .png"},
      {"small.png small.png", "is an input"},
      {"small.png original.png --compare original.png", "original.png: is an input"},
      {"small.png big.png --weights none.h5", "none.h5"},
      {"small.png big.png --weights bad.h5", "bad.h5"},
      {"small.png big.png --weights other.h5", "feature.weight (the nearest is features.weight)"},
      {"small.png big.png --device tpu", "tpu"},
      {"small.png big.png --device cuda:77", "cuda:77"},
      {"small.png big.png --compare none.png", "none.png: cannot read it"},
  };
  for (const BadRun& bad : runs) {
    const Outcome result = run(bad.arguments);
    EXPECT_EQ(result.exit_code, 1) << bad.arguments;
    EXPECT_THAT(result.err, AllOf(testing::StartsWith("upscale: "), HasSubstr(bad.message))) << bad.arguments;
    EXPECT_EQ(result.out, "") << bad.arguments;
    EXPECT_FALSE(fs::exists(folder_ / "big.png")) << bad.arguments;
  }
}

TEST_F(Program, SaysWhereItLookedForWeights) {
  fs::create_directory(folder_ / "bin");
  fs::copy_file(UPSCALE_PROGRAM, folder_ / "bin" / "upscale");
  const std::string command =
      "cd '" + folder_.string() + "' && bin/upscale small.png big.png >out.txt 2>err.txt";
  EXPECT_NE(std::system(command.c_str()), 0);
  EXPECT_THAT(read_text(folder_ / "err.txt"),
              AllOf(HasSubstr("--weights"), HasSubstr("/bin/weights/fsrcnn_x2.h5"),
                    HasSubstr("/share/upconv/fsrcnn_x2.h5"), Not(HasSubstr(".."))));
}

/// The committed network through the loader and the layers, against PyTorch in double.
TEST(Trained, GivesPyTorchsOutput) {
  const upconv::StateDict golden = upconv::read_hdf5(UPSCALE_NETWORK_GOLDEN);
  const upconv::Tensor& x = golden.at("x");
  const auto expected = golden.at("y").data<float>();
  Plane small(static_cast<int>(x.shape()[3]), static_cast<int>(x.shape()[2]));
  std::ranges::copy(x.data<float>(), small.values.begin());

  upconv::ExecutionContext ctx({.num_threads = 2});
  upconv::Sequential net = make_fsrcnn();
  upconv::load_hdf5(net, UPSCALE_WEIGHTS);
  const LumaNetwork network(std::move(net), upconv::DType::f32, ctx);
  const Plane large = network(small);
  ASSERT_EQ(large.values.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(large.values[i], expected[i], 1e-5f) << i;
}

}  // namespace
}  // namespace upscale
