#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "common/compare.h"
#include "common/kernel_log.h"
#include "common/png_writer.h"
#include "common/progress.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace examples {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

const fs::path kGolden = UPSCALE_GOLDEN;

/// What `call` throws as PictureError, or "" if it throws nothing.
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const PictureError& error) {
    return error.what();
  }
  return "";
}

class PictureFile : public testing::Test {
 protected:
  PictureFile() { fs::create_directories(folder_); }
  ~PictureFile() override { fs::remove_all(folder_); }

  fs::path folder_ =
      fs::path(testing::TempDir()) /
      ("upscale_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + '_' +
       std::to_string(::getpid()));  // tests of several build trees run at once
};

TEST_F(PictureFile, RoundTripsEveryKind) {
  for (int channels = 1; channels <= 4; ++channels) {
    Picture picture(5, 3, channels);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<std::uint8_t>(i * 53);
    save_png(folder_ / "a.png", picture);
    const LoadedPicture loaded = load_picture(folder_ / "a.png");
    EXPECT_EQ(loaded.picture.describe(), picture.describe());
    EXPECT_EQ(loaded.picture.pixels, picture.pixels);
    EXPECT_TRUE(loaded.notes.empty());
  }
}

TEST_F(PictureFile, SaysThat16BitsAreReadAs8) {
  const LoadedPicture loaded = load_picture(kGolden / "grey16.png");
  EXPECT_EQ(loaded.picture.describe(), "4x2 grey");
  EXPECT_THAT(loaded.notes, testing::ElementsAre(HasSubstr("16 bits")));
}

TEST_F(PictureFile, RefusesWhatIsNotAPicture) {
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "none.png"); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([&] { load_picture(folder_); }), HasSubstr("is a directory"));
  std::ofstream(folder_ / "text.png") << "This is text.";
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "text.png"); }),
              HasSubstr("cannot be read as PNG or JPEG"));
  std::ofstream(folder_ / "empty.png");
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "empty.png"); }), HasSubstr("cannot be read"));
}

TEST_F(PictureFile, RefusesATruncatedPicture) {
  std::ifstream in(kGolden / "original.png", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::ofstream(folder_ / "cut.png", std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "cut.png"); }), HasSubstr("cannot be read"));
}

/// The first chunk of an RGB PNG of this size; the reader looks no further to learn the size.
std::string png_header(std::uint32_t width, std::uint32_t height) {
  std::string bytes = "\x89PNG\r\n\x1a\n";
  bytes += std::string("\0\0\0\x0dIHDR", 8);
  for (const std::uint32_t size : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes += static_cast<char>(size >> shift & 0xff);
  }
  bytes += std::string("\x08\x02\0\0\0crc.\0\0\0\0IDAT", 17);
  return bytes;
}

TEST_F(PictureFile, RefusesAHugePictureBeforeReadingIt) {
  std::ofstream(folder_ / "huge.png", std::ios::binary) << png_header(36000, 32000);
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "huge.png"); }),
              HasSubstr("huge.png: too large: at most 2^30 bytes of pixels can be read"));
  std::ofstream(folder_ / "vast.png", std::ios::binary) << png_header(1u << 23, 1u << 23);
  EXPECT_THAT(error_of([&] { load_picture(folder_ / "vast.png"); }), HasSubstr("too large"));
}

/// Pixels that no filter foresees and nothing compresses.
Picture noise(int width, int height, int channels) {
  Picture picture(width, height, channels);
  std::mt19937 random(1);
  for (std::uint8_t& value : picture.pixels)
    value = static_cast<std::uint8_t>(random() >> 16);
  return picture;
}

TEST_F(PictureFile, IsWrittenRowByRow) {
  for (int channels = 1; channels <= 4; ++channels) {
    const Picture rows = noise(700, 300, channels);
    Picture whole(rows.width, 0, channels);
    PngWriter writer(folder_ / "a.png", rows.width, 3 * rows.height, channels);
    for (std::uintmax_t bands = 1; bands <= 3; ++bands) {
      writer.write(rows);
      whole.append(rows);
      EXPECT_NEAR(static_cast<double>(fs::file_size(folder_ / "a.png")),
                  static_cast<double>(bands * rows.pixels.size()), 128 * 1024)
          << "what was written must not wait in memory";
    }
    writer.finish();
    EXPECT_EQ(load_picture(folder_ / "a.png").picture.pixels, whole.pixels);
  }
}

TEST_F(PictureFile, IsAsSmallAsFiltersMakeIt) {
  Picture slope(256, 256, 3);  // each pixel is foreseen by its neighbours
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 256; ++x) {
      for (int c = 0; c < 3; ++c)
        slope.at(x, y)[c] = static_cast<std::uint8_t>(x * (c + 1) + y * 3);
    }
  }
  save_png(folder_ / "slope.png", slope);
  EXPECT_LT(fs::file_size(folder_ / "slope.png"), 3000u);
  EXPECT_EQ(load_picture(folder_ / "slope.png").picture.pixels, slope.pixels);
}

TEST_F(PictureFile, AnUnfinishedOneIsRemoved) {
  {
    PngWriter writer(folder_ / "half.png", 40, 20, 3);
    EXPECT_FALSE(fs::exists(folder_ / "half.png"));
    writer.write(noise(40, 10, 3));
    EXPECT_TRUE(fs::exists(folder_ / "half.png"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "half.png"));
}

TEST_F(PictureFile, RefusesAWidthThatPngCannotHold) {
  EXPECT_THAT(error_of([&] { PngWriter(folder_ / "wide.png", 1 << 30, 1, 3); }),
              HasSubstr("wide.png: too large: a PNG file of 1073741824x1 with 3 channels cannot be written"));
  EXPECT_NO_THROW(PngWriter(folder_ / "large.png", 24000, 1 << 30, 4));
}

TEST_F(PictureFile, ChecksTheOutputFirst) {
  EXPECT_NO_THROW(check_writable(folder_ / "out.png"));
  EXPECT_NO_THROW(check_writable("out.png"));
  EXPECT_THAT(error_of([&] { check_writable(folder_ / "out.jpg"); }), HasSubstr("ends in .png"));
  EXPECT_THAT(error_of([&] { check_writable(folder_ / "none" / "out.png"); }),
              HasSubstr("there is no folder"));
  fs::create_directory(folder_ / "dir.png");
  EXPECT_THAT(error_of([&] { check_writable(folder_ / "dir.png"); }), HasSubstr("is a directory"));
}

TEST_F(PictureFile, ReportsAFullDisk) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  fs::create_symlink("/dev/full", folder_ / "full.png");
  EXPECT_THAT(error_of([&] { save_png(folder_ / "full.png", Picture(4, 4, 3)); }),
              HasSubstr("No space left"));
}

TEST(SideBySide, HasARowOfPanelsAndOneOfDetails) {
  for (const auto& [width, height, channels] :
       {std::tuple{200, 120, 3}, {2, 2, 1}, {2, 300, 4}, {300, 2, 3}, {2500, 40, 2}}) {
    const Picture grey(width, height, channels);
    const Picture all = side_by_side({{grey, "bicubic, 30.00 dB"}, {grey, "upconv"}, {grey, "original"}});
    EXPECT_EQ(all.channels, 3);
    EXPECT_GT(all.height, height / 4);
    EXPECT_LT(all.width, 3 * 1024 + 100);
  }
}

TEST(SideBySide, ShowsWhereTheFirstDiffersFromTheLast) {
  const Picture first(160, 120, 3);
  Picture last(160, 120, 3);
  std::ranges::fill_n(last.at(130, 100), 3 * 5, std::uint8_t{255});
  const Picture all = side_by_side({{first, ""}, {last, ""}});
  // A panel is 160 wide, its detail 26 x 17; the last panel's detail lies to the right of the middle.
  const int zoom = 6;
  int white = 0;
  for (int y = all.height - 17 * zoom - 6; y < all.height - 6; ++y) {
    for (int x = all.width / 2 + 6; x < all.width / 2 + 6 + 26 * zoom - 6; ++x)
      white += *all.at(x, y) == 255;
  }
  EXPECT_GE(white, 3 * zoom * zoom);
}

TEST(Progress, WritesOverOneLineOfATerminal) {
  std::ostringstream out;
  const auto start = Progress::Clock::now();
  {
    Progress progress(out, true, 1'000'000);
    progress.update(1, start + 10ms);
    EXPECT_EQ(out.str(), "");
    progress.update(250'000, start + 1s);
    EXPECT_THAT(out.str(), HasSubstr("25%  0.2 of 1.0 megapixels, 0:03 left"));
  }
  EXPECT_THAT(out.str(), testing::EndsWith("\r\x1b[K"));
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("\n")));
}

TEST(Progress, IsSparseElsewhere) {
  std::ostringstream out;
  const auto start = Progress::Clock::now();
  Progress progress(out, false, 100);
  for (int percent = 1; percent <= 100; ++percent)
    progress.update(percent, start + 3s * percent);
  const std::string text = out.str();
  EXPECT_EQ(std::ranges::count(text, '\n'), 9);
}

TEST(KernelLog, NamesEachKernelOnce) {
  KernelLog log;
  const auto sink = log.sink();
  for (int run = 0; run < 2; ++run) {
    sink({{"Conv2d", "feature"}, "n1", "cpu.direct"});
    sink({{"Conv2d", "shrink"}, "n1", "cpu.gemm"});
    sink({{"ConvTranspose2d", "deconv"}, "n1", "cpu.direct"});
  }
  EXPECT_THAT(log.lines(), testing::ElementsAre("cpu.direct (feature, deconv)", "cpu.gemm (shrink)"));
}

}  // namespace
}  // namespace examples
