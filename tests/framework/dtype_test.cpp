#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <upconv/framework/dtype.h>

namespace {

using upconv::BFloat16;
using upconv::DType;
using upconv::Float16;

/// The nearest value of a 16-bit type by search among its neighbours, ties to even: slow and obvious.
template <class Half>
std::uint16_t nearest_bits(double value, std::uint16_t infinity_bits) {
  if (std::isnan(value)) return static_cast<std::uint16_t>(infinity_bits | 1u);
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(value);
  std::uint16_t low = 0;
  std::uint16_t high = infinity_bits;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (static_cast<double>(static_cast<float>(Half::from_bits(middle))) <= magnitude ? low : high) = middle;
  }
  const auto as_double = [&](std::uint16_t bits) {
    // Infinity counts as the value that would follow the largest finite one.
    if (bits != infinity_bits) return static_cast<double>(static_cast<float>(Half::from_bits(bits)));
    const double last = static_cast<double>(static_cast<float>(Half::from_bits(infinity_bits - 1)));
    return last + (last - static_cast<double>(static_cast<float>(Half::from_bits(infinity_bits - 2))));
  };
  const double below = magnitude - as_double(low);
  const double above = as_double(high) - magnitude;
  const bool up = above < below || (above == below && low % 2 == 1);
  return static_cast<std::uint16_t>(sign | (up ? high : low));
}

template <class Half>
void check_every_pattern(std::uint16_t infinity_bits) {
  for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    const float value = Half::from_bits(bits);
    if ((bits & 0x7fff) > infinity_bits) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
      ASSERT_TRUE(std::isnan(static_cast<float>(Half(value)))) << pattern;
    } else {
      ASSERT_EQ(Half(value).bits, bits) << pattern;
    }
  }
}

/// Every half-way point between neighbours, and the floats just beside it.
template <class Half>
void check_every_tie(std::uint16_t infinity_bits) {
  for (std::uint16_t bits = 0; bits < infinity_bits - 1; ++bits) {
    const double low = static_cast<float>(Half::from_bits(bits));
    const double high = static_cast<float>(Half::from_bits(static_cast<std::uint16_t>(bits + 1)));
    const auto tie = static_cast<float>((low + high) / 2);
    for (const float value :
         {std::nextafter(tie, 0.0f), tie, std::nextafter(tie, std::numeric_limits<float>::infinity())}) {
      ASSERT_EQ(Half(value).bits, nearest_bits<Half>(value, infinity_bits)) << bits << ' ' << value;
      ASSERT_EQ(Half(-value).bits, nearest_bits<Half>(-value, infinity_bits)) << bits << ' ' << -value;
    }
  }
}

TEST(Float16, EveryPatternGoesThroughFloat) {
  check_every_pattern<Float16>(0x7c00);
}
TEST(Float16, EveryTieRoundsToEven) {
  check_every_tie<Float16>(0x7c00);
}

TEST(Float16, KnownValuesAndOverflow) {
  EXPECT_EQ(static_cast<float>(Float16::from_bits(0x3c00)), 1.0f);
  EXPECT_EQ(static_cast<float>(Float16::from_bits(0x0001)), 0x1p-24f);
  EXPECT_EQ(static_cast<float>(Float16::from_bits(0x7bff)), 65504.0f);
  EXPECT_EQ(Float16(65519.0f).bits, 0x7bff);
  EXPECT_EQ(Float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(Float16(-1e30f).bits, 0xfc00);
  EXPECT_EQ(Float16(0x1p-25f).bits, 0x0000);
  EXPECT_EQ(Float16(std::nextafter(0x1p-25f, 1.0f)).bits, 0x0001);
  EXPECT_EQ(Float16(-0.0f).bits, 0x8000);
}

TEST(BFloat16, EveryPatternGoesThroughFloat) {
  check_every_pattern<BFloat16>(0x7f80);
}
TEST(BFloat16, EveryTieRoundsToEven) {
  check_every_tie<BFloat16>(0x7f80);
}

TEST(BFloat16, KnownValuesAndOverflow) {
  EXPECT_EQ(static_cast<float>(BFloat16::from_bits(0x3e00)), 0.125f);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_EQ(BFloat16(-std::numeric_limits<float>::infinity()).bits, 0xff80);
  // A NaN whose payload lies in the lower half only must not become infinity.
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(DTypeNames, SizesAndKinds) {
  const std::pair<DType, std::size_t> sizes[] = {
      {DType::f32, 4}, {DType::f16, 2}, {DType::bf16, 2}, {DType::f64, 8}, {DType::i64, 8}};
  for (const auto& [dtype, size] : sizes)
    EXPECT_EQ(upconv::size_of(dtype), size);
  EXPECT_EQ(upconv::name_of(DType::bf16), "bf16");
  EXPECT_TRUE(upconv::is_floating(DType::f64));
  EXPECT_FALSE(upconv::is_floating(DType::i64));
  EXPECT_TRUE(upconv::is_compute_dtype(DType::f16));
  EXPECT_FALSE(upconv::is_compute_dtype(DType::f64));
}

}  // namespace
