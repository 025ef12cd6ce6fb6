#include "upscale/enlarge.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "common/picture.h"
#include "upscale/bicubic.h"
#include "upscale/psnr.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upscale {
namespace {

namespace fs = std::filesystem;
using examples::load_picture;
using testing::HasSubstr;

const fs::path kGolden = UPSCALE_GOLDEN;

Plane bicubic(const Plane& luma) {
  return bicubic_x2(luma);
}

TEST(Enlarge, ColoursAreTheTrainersBitForBit) {
  const Picture small = load_picture(kGolden / "small.png").picture;
  const Picture expected = load_picture(kGolden / "enlarged.png").picture;
  EXPECT_EQ(enlarge(small, bicubic, {}).pixels, expected.pixels);
}

TEST(Enlarge, GivesRowsAwayAsTheyAreDone) {
  const Picture small = load_picture(kGolden / "small.png").picture;  // 19x13
  const EnlargeOptions options{.tile = 5, .overlap = kBicubicReach};
  Picture whole(2 * small.width, 0, small.channels);
  enlarge(small, bicubic, options, [&](const Picture& rows) {
    EXPECT_EQ(rows.width, whole.width);
    EXPECT_LE(rows.height, 2 * options.tile);
    whole.append(rows);
  });
  EXPECT_EQ(whole.pixels, enlarge(small, bicubic, options).pixels);
}

TEST(Enlarge, ProgressCoversWhatIsDoneWithTheRows) {
  const Picture small = load_picture(kGolden / "small.png").picture;
  int taken = 0;
  std::int64_t told = 0;
  EnlargeOptions options{.tile = 5, .overlap = kBicubicReach};
  options.on_progress = [&](std::int64_t pixels) {
    told = pixels;
    if (pixels % small.width == 0) {  // a row of tiles is done
      EXPECT_EQ(taken, pixels / small.width);
    }
  };
  enlarge(small, bicubic, options, [&](const Picture& rows) { taken += rows.height / 2; });
  EXPECT_EQ(taken, small.height);
  EXPECT_EQ(told, std::int64_t{small.width} * small.height);
}

TEST(Psnr, IsTheTrainers) {
  const Picture small = load_picture(kGolden / "small.png").picture;
  const Picture original = load_picture(kGolden / "original.png").picture;
  double expected = 0.0;
  std::ifstream(kGolden / "psnr.txt") >> expected;
  for (const int tile : {100, 5}) {
    PsnrY psnr(original);
    EnlargeOptions options{.tile = tile, .overlap = kBicubicReach};
    options.on_luma = [&](const Rect& area, const Plane& luma) { psnr.add(area, luma); };
    enlarge(small, bicubic, options);
    EXPECT_NEAR(psnr.decibels(), expected, 1e-6) << "tiles of " << tile;
  }
}

TEST(Psnr, LeavesOutTheBorderAndClamps) {
  Picture original(10, 9, 1);
  Plane luma(10, 9);
  luma.values.assign(luma.values.size(), 0.5f);
  luma.row(4)[4] = 0.1f;
  luma.row(4)[5] = -3.0f;
  PsnrY psnr(original);
  psnr.add({0, 0, 10, 9}, luma);
  EXPECT_NEAR(psnr.decibels(), 10.0 * std::log10(1.0 / 0.005), 1e-5);
}

TEST(Psnr, IsCappedAndNeedsPixels) {
  Picture original(10, 10, 3);
  PsnrY psnr(original);
  psnr.add({0, 0, 10, 10}, Plane(10, 10));
  EXPECT_DOUBLE_EQ(psnr.decibels(), 120.0);
  const Picture tiny(8, 100, 3);
  try {
    PsnrY refused(tiny);
    FAIL() << "nothing was refused";
  } catch (const examples::PictureError& error) {
    EXPECT_THAT(error.what(), HasSubstr("nothing is left of 8x100"));
  }
}

}  // namespace
}  // namespace upscale
