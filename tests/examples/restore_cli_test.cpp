// upconv-restore, run as a user runs it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/picture.h"
#include "common/png_writer.h"
#include "program.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace restore {
namespace {

namespace fs = std::filesystem;
using examples::load_picture;
using examples::Outcome;
using examples::Picture;
using examples::read_text;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// A picture of 40x22 pixels, and one with a pattern over it as its spoilt copy.
class RestoreProgram : public examples::ProgramTest {
 protected:
  RestoreProgram() : ProgramTest(RESTORE_PROGRAM) {
    Picture picture(40, 22, 3);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<std::uint8_t>(100 + i / 120);
    save_png(folder_ / "original.png", picture);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<std::uint8_t>(picture.pixels[i] + i * i % 23);
    save_png(folder_ / "noisy.png", picture);
    fs::copy_file(RESTORE_GREY16, folder_ / "grey16.png");
  }
};

TEST_F(RestoreProgram, RestoresAPictureWithItsOwnWeights) {
  const Outcome result = run("noisy.png out.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("out.png: 40x22 RGB"), HasSubstr("Restorer in fp32"), HasSubstr("restorer.h5"),
                    HasSubstr("kernel    cpu."), HasSubstr("encode1.conv1"), HasSubstr("megapixels/s")));
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(load_picture(folder_ / "out.png").picture.describe(), "40x22 RGB");
}

TEST_F(RestoreProgram, TilesDoNotChangeThePicture) {
  ASSERT_EQ(run("noisy.png whole.png --tile 16384").exit_code, 0);
  ASSERT_EQ(run("noisy.png tiled.png --tile 16 --threads 1").exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "whole.png"), read_text(folder_ / "tiled.png"));
}

TEST_F(RestoreProgram, EveryPrecisionRuns) {
  for (const char* precision : {"fp32", "tf32", "f16", "bf16"}) {
    const Outcome result = run("noisy.png out.png --precision " + std::string(precision));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("Restorer in " + std::string(precision)));
  }
}

TEST_F(RestoreProgram, ComparesWithTheOriginal) {
  const Outcome result = run("noisy.png out.png --compare original.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("PSNR      [0-9.]+ dB before, [0-9.]+ dB after: .[0-9.]+ dB"));
  EXPECT_TRUE(fs::exists(folder_ / "out_compare.png"));
}

TEST_F(RestoreProgram, RefusesAnOriginalOfAnotherSize) {
  const Outcome result = run("noisy.png out.png --compare grey16.png");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the original must be 40x22, as the input, but is 4x2"));
  EXPECT_FALSE(fs::exists(folder_ / "out.png"));
}

TEST_F(RestoreProgram, ExplainsItsPlan) {
  const Outcome result = run("noisy.png out.png --explain");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("Conv2d 'encode1.conv1' + relu"), HasSubstr("f32[1,24,24,40]")));
}

TEST_F(RestoreProgram, SaysThat16BitsAreReadAs8) {
  const Outcome result = run("grey16.png out.png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("grey16.png: note: 16 bits a channel, read as 8"));
}

TEST_F(RestoreProgram, HelpNamesTheOptions) {
  const Outcome result = run("--help");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* option : {"--weights", "--device", "--precision", "--threads", "--tile", "--compare",
                             "--explain", "--version", "Exit code: 0 done, 1 failed, 2 wrong usage.", "EXIF"})
    EXPECT_THAT(result.out, HasSubstr(option));
}

TEST_F(RestoreProgram, SaysItsVersion) {
  const Outcome result = run("--version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "upconv-restore " + std::string(upconv::version()) + '\n');
}

TEST_F(RestoreProgram, WrongUsageExitsWith2) {
  for (const char* arguments : {"", "noisy.png", "noisy.png out.png third.png", "noisy.png out.png --fast",
                                "noisy.png out.png --tile 15", "noisy.png out.png --precision fp16",
                                "noisy.png out.png --threads -1", "noisy.png out.png --tile x"}) {
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

TEST_F(RestoreProgram, FailuresExitWith1AndSayWhy) {
  std::ofstream(folder_ / "text.png") << "not a picture";
  std::ofstream(folder_ / "bad.h5") << "not HDF5";
  upconv::StateDict other;
  other.insert("heads.weight", upconv::Tensor::zeros({24, 3, 3, 3}));
  upconv::write_hdf5(folder_ / "other.h5", other);
  const BadRun runs[] = {
      {"none.png out.png", "none.png: cannot read it: No such file or directory"},
      {". out.png", "is a directory, not a picture"},
      {"text.png out.png", "text.png: cannot be read as PNG or JPEG"},
      {"noisy.png none/out.png", "there is no folder none"},
      {"noisy.png out.jpg", "ends in .png"},
      {"noisy.png noisy.png", "is an input"},
      {"noisy.png original.png --compare original.png", "original.png: is an input"},
      {"noisy.png out.png --weights none.h5", "none.h5"},
      {"noisy.png out.png --weights bad.h5", "bad.h5"},
      {"noisy.png out.png --weights other.h5", "head.weight"},
      {"noisy.png out.png --device tpu", "tpu"},
      {"noisy.png out.png --device cuda:77", "cuda:77"},
      {"noisy.png out.png --compare none.png", "none.png: cannot read it"},
  };
  for (const BadRun& bad : runs) {
    const Outcome result = run(bad.arguments);
    EXPECT_EQ(result.exit_code, 1) << bad.arguments;
    EXPECT_THAT(result.err, AllOf(testing::StartsWith("upconv-restore: "), HasSubstr(bad.message)))
        << bad.arguments;
    EXPECT_EQ(result.out, "") << bad.arguments;
    EXPECT_FALSE(fs::exists(folder_ / "out.png")) << bad.arguments;
  }
}

TEST_F(RestoreProgram, SaysWhereItLookedForWeights) {
  fs::create_directory(folder_ / "bin");
  fs::copy_file(RESTORE_PROGRAM, folder_ / "bin" / "upconv-restore");
  const std::string command =
      "cd '" + folder_.string() + "' && bin/upconv-restore noisy.png out.png >out.txt 2>err.txt";
  EXPECT_NE(std::system(command.c_str()), 0);
  EXPECT_THAT(read_text(folder_ / "err.txt"),
              AllOf(HasSubstr("--weights"), HasSubstr("/bin/weights/restorer.h5"),
                    HasSubstr("/share/upconv/restorer.h5")));
}

}  // namespace
}  // namespace restore
