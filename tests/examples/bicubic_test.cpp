#include "upscale/bicubic.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace upscale {
namespace {

/// The next `count` numbers, which are C hex floats.
std::vector<float> read_floats(std::istream& in, std::size_t count) {
  std::vector<float> values(count);
  std::string word;
  for (float& value : values) {
    in >> word;
    value = std::stof(word);
  }
  return values;
}

TEST(Bicubic, IsPillowsBitForBit) {
  std::ifstream in(std::filesystem::path(UPSCALE_GOLDEN) / "bicubic.txt");
  int cases = 0;
  for (int width = 0, height = 0; in >> width >> height; ++cases) {
    Plane small(width, height);
    small.values = read_floats(in, small.values.size());
    Plane expected(2 * width, 2 * height);
    expected.values = read_floats(in, expected.values.size());
    EXPECT_EQ(bicubic_x2(small), expected) << width << 'x' << height;
  }
  EXPECT_EQ(cases, 5);
}

TEST(Bicubic, DoesNotDependOnThreads) {
  Plane small(13, 9);
  for (std::size_t i = 0; i < small.values.size(); ++i)
    small.values[i] = static_cast<float>((i * 37) % 101);
  EXPECT_EQ(bicubic_x2(small, 1), bicubic_x2(small, 3));
}

TEST(Bicubic, KeepsAConstant) {
  Plane small(3, 2);
  small.values.assign(6, 0.7f);
  for (const float value : bicubic_x2(small).values)
    EXPECT_FLOAT_EQ(value, 0.7f);
}

}  // namespace
}  // namespace upscale
