#include "common/color.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace examples {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

/// One pixel as luma and chroma, and back.
Rgb round_trip(const Rgb& rgb) {
  Picture picture(1, 1, 3);
  std::ranges::copy(rgb, picture.at(0, 0));
  const Rect all{0, 0, 1, 1};
  const Chroma chroma = chroma_of(picture, all);
  return rgb_of(luma_of(picture, all).values[0], chroma.cb.values[0], chroma.cr.values[0]);
}

TEST(Color, RoundTripIsExact) {
  for (int red = 0; red <= 255; red += 15) {
    for (int green = 0; green <= 255; green += 5) {
      for (int blue = 0; blue <= 255; blue += 17) {
        const Rgb rgb{static_cast<std::uint8_t>(red), static_cast<std::uint8_t>(green),
                      static_cast<std::uint8_t>(blue)};
        ASSERT_EQ(round_trip(rgb), rgb) << red << ' ' << green << ' ' << blue;
      }
    }
  }
}

TEST(Color, LumaIsBt601) {
  Picture picture(3, 1, 3);
  picture.pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255};
  const Plane y = luma_of(picture, {0, 0, 3, 1});
  EXPECT_FLOAT_EQ(y.values[0], 0.299f);
  EXPECT_FLOAT_EQ(y.values[1], 0.587f);
  EXPECT_FLOAT_EQ(y.values[2], 0.114f);
}

TEST(Color, ChromaOfGreyIsZero) {
  Picture picture(1, 1, 3);
  picture.pixels = {77, 77, 77};
  const Chroma chroma = chroma_of(picture, {0, 0, 1, 1});
  EXPECT_NEAR(chroma.cb.values[0], 0.0f, 1e-12f);
  EXPECT_NEAR(chroma.cr.values[0], 0.0f, 1e-12f);
}

TEST(Color, GreyAndAlphaAreRead) {
  Picture picture(2, 1, 2);
  picture.pixels = {255, 10, 51, 200};
  const Rect second{1, 0, 1, 1};
  EXPECT_FLOAT_EQ(luma_of(picture, second).values[0], 0.2f);
  EXPECT_EQ(alpha_of(picture, second).values[0], 200.0f);
}

TEST(Color, BytesAreRoundedAndClamped) {
  EXPECT_EQ(to_byte(-3.0f), 0);
  EXPECT_EQ(to_byte(0.49f), 0);
  EXPECT_EQ(to_byte(0.5f), 1);
  EXPECT_EQ(to_byte(254.6f), 255);
  EXPECT_EQ(to_byte(1e9f), 255);
  EXPECT_EQ(grey_of(-0.1f), 0);
  EXPECT_EQ(grey_of(1.1f), 255);
}

TEST(Color, NotANumberIsBlack) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(grey_of(nan), 0);
  EXPECT_EQ(rgb_of(nan, 0.0f, 0.0f), (Rgb{0, 0, 0}));
}

}  // namespace
}  // namespace examples
