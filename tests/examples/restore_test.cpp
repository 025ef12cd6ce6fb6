// The parts of the restore example: its network against PyTorch, tiles, and what it does to noise.

#include "restore/restore.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "restore/psnr.h"
#include "restore/restorer.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace restore {
namespace {

using testing::HasSubstr;
using upconv::DType;
using upconv::Tensor;

PreparedRestorer trained(upconv::ExecutionContext& ctx, DType dtype = DType::f32) {
  Restorer net;
  upconv::load_hdf5(net, RESTORE_WEIGHTS);
  return {std::move(net), dtype, ctx};
}

/// Seeded weights of both signs, so that whatever is further away than it should be shows.
PreparedRestorer untrained(upconv::ExecutionContext& ctx) {
  Restorer net;
  net.initialize(3);
  return {std::move(net), DType::f32, ctx};
}

Picture random_picture(int width, int height, int channels) {
  std::mt19937 random(static_cast<unsigned>(width * 1000 + height));
  Picture picture(width, height, channels);
  for (std::uint8_t& value : picture.pixels)
    value = static_cast<std::uint8_t>(random() >> 8);
  return picture;
}

Picture restored(const Picture& picture, const PreparedRestorer& net, int tile, int overlap = kReach) {
  return restore(picture, std::cref(net), {.tile = tile, .overlap = overlap});
}

/// Slopes, edges and a disc in colour.
Picture clean_picture(int width, int height) {
  Picture picture(width, height, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool in_disc = std::hypot(x - 0.5 * width, y - 0.4 * height) < 0.25 * height;
      picture.at(x, y)[0] = static_cast<std::uint8_t>(in_disc ? 200 : 40 + 120 * x / width);
      picture.at(x, y)[1] = static_cast<std::uint8_t>(in_disc ? 90 : 60 + 80 * y / height);
      picture.at(x, y)[2] = static_cast<std::uint8_t>(x / 24 % 2 == 0 ? 80 : 140);
    }
  }
  return picture;
}

Picture with_noise(Picture picture, double sigma) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0.0, sigma);
  for (std::uint8_t& value : picture.pixels)
    value = static_cast<std::uint8_t>(std::clamp(std::round(value + normal(random)), 0.0, 255.0));
  return picture;
}

/// The committed network through the loader, the planner and the layers, against PyTorch in double. The
/// picture's sides are no multiples of 4.
TEST(Restorer, GivesPyTorchsOutput) {
  const upconv::StateDict golden = upconv::read_hdf5(RESTORE_GOLDEN);
  const auto expected = golden.at("y").data<float>();
  upconv::ExecutionContext ctx({.num_threads = 2});
  const Tensor y = trained(ctx)(golden.at("x"));
  ASSERT_EQ(y.shape(), golden.at("y").shape());
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(y.data<float>()[i], expected[i], 1e-5f) << i;
}

TEST(Restorer, GivesPyTorchsOutputOnTheGpu) {
  if (upconv::cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device here";
  const upconv::StateDict golden = upconv::read_hdf5(RESTORE_GOLDEN);
  const auto expected = golden.at("y").data<float>();
  upconv::ExecutionContext ctx({.device = upconv::Device::cuda()});
  for (const auto& [dtype, tolerance] :
       {std::pair{DType::f32, 1e-5f}, {DType::f16, 4e-3f}, {DType::bf16, 3e-2f}}) {
    const Tensor y = trained(ctx, dtype)(golden.at("x"));
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(y.data<float>()[i], expected[i], tolerance) << dtype << ' ' << i;
  }
}

TEST(Restorer, LowPrecisionStaysNear) {
  const upconv::StateDict golden = upconv::read_hdf5(RESTORE_GOLDEN);
  const auto expected = golden.at("y").data<float>();
  upconv::ExecutionContext ctx({.num_threads = 2});
  for (const auto& [dtype, tolerance] : {std::pair{DType::f16, 4e-3f}, {DType::bf16, 3e-2f}}) {
    const Tensor y = trained(ctx, dtype)(golden.at("x"));
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(y.data<float>()[i], expected[i], tolerance) << dtype << ' ' << i;
  }
}

TEST(Restorer, HasTheTrainersNames) {
  const Restorer net;
  std::vector<std::string> names;
  for (const upconv::EntrySpec& entry : net.entries())
    names.push_back(entry.name);
  EXPECT_EQ(names.size(), 40u);
  EXPECT_EQ(names.front(), "head.weight");
  EXPECT_EQ(names[2], "encode1.conv1.weight");
  EXPECT_EQ(names.back(), "tail.bias");
}

/// Residuals ride in convolutions, skips are made where they are joined.
TEST(Restorer, IsPlannedWithoutStepsOfItsOwnForSkips) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const std::string plan = trained(ctx).explain(64, 48);
  EXPECT_THAT(plan, HasSubstr("40 calls in 20 steps"));
  EXPECT_THAT(plan, HasSubstr("Conv2d 'encode1.conv2' + add"));
  EXPECT_THAT(plan, HasSubstr("in cat"));
}

TEST(RestoreTiles, EqualTheWholeBitForBit) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const PreparedRestorer net = untrained(ctx);
  for (const auto& [width, height] : {std::pair{101, 66}, {64, 40}, {1, 90}, {90, 1}, {1, 1}, {5, 7}}) {
    const Picture picture = random_picture(width, height, 3);
    const Picture whole = restored(picture, net, 1 << 14);
    EXPECT_NE(whole.pixels, picture.pixels);
    for (const int tile : {18, 32})
      EXPECT_EQ(restored(picture, net, tile).pixels, whole.pixels)
          << picture.describe() << ", tiles of " << tile;
  }
}

/// kReach is no more than it has to be, looked at where a float is not rounded to a byte.
TEST(RestoreTiles, OverlapIsTheReceptiveFieldAndNoMore) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const PreparedRestorer net = untrained(ctx);
  constexpr int kSide = 96;
  Tensor x = Tensor::full({1, 3, kSide, kSide}, 0.5);
  const Tensor plain = net(x);
  int furthest = 0;
  for (int at = kSide / 2; at < kSide / 2 + kGrid; ++at) {
    Tensor poked = x.clone();
    for (int c = 0; c < 3; ++c)
      poked.data<float>()[static_cast<std::size_t>((c * kSide + at) * kSide + at)] = 1e4f;
    const Tensor y = net(poked);
    for (std::size_t i = 0; i < y.data<float>().size(); ++i) {
      if (y.data<float>()[i] == plain.data<float>()[i]) continue;
      const int row = static_cast<int>(i) / kSide % kSide, column = static_cast<int>(i) % kSide;
      furthest = std::max({furthest, std::abs(row - at), std::abs(column - at)});
    }
  }
  EXPECT_EQ(furthest, kReach);
}

TEST(Restore, TakesNoiseAway) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const PreparedRestorer net = trained(ctx);
  const Picture original = clean_picture(120, 90);
  for (const double sigma : {10.0, 25.0}) {
    const Picture noisy = with_noise(original, sigma);
    EXPECT_GE(psnr(restored(noisy, net, 512), original), psnr(noisy, original) + 6.0) << "noise " << sigma;
  }
}

TEST(Restore, KeepsAlphaAndGrey) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const PreparedRestorer net = trained(ctx);
  for (int channels = 1; channels <= 4; ++channels) {
    const Picture picture = random_picture(23, 14, channels);
    const Picture result = restored(picture, net, 16);
    EXPECT_EQ(result.describe(), picture.describe());
    EXPECT_NE(result.pixels, picture.pixels);
    if (!picture.has_alpha()) continue;
    for (int x = 0; x < picture.width; ++x)
      EXPECT_EQ(result.at(x, 7)[channels - 1], picture.at(x, 7)[channels - 1]);
  }
}

TEST(Restore, ProgressEndsAtAllPixels) {
  std::vector<std::int64_t> told;
  RestoreOptions options{.tile = 16};
  options.on_progress = [&](std::int64_t pixels) { told.push_back(pixels); };
  const auto same = [](const Tensor& rgb) { return rgb.clone(); };
  const Picture picture = random_picture(40, 20, 3);
  EXPECT_EQ(restore(picture, same, options).pixels, picture.pixels);
  EXPECT_EQ(told.size(), 6u);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), 800);
}

TEST(RestorePsnr, CountsColoursAndNotAlpha) {
  Picture black(4, 2, 3), grey(4, 2, 2);
  std::ranges::fill(grey.pixels, std::uint8_t{5});
  EXPECT_NEAR(psnr(black, grey), 20.0 * std::log10(255.0 / 5.0), 1e-9);
  black.at(1, 1)[2] = 255;
  EXPECT_NEAR(psnr(black, Picture(4, 2, 4)), 10.0 * std::log10(24.0), 1e-9);
  EXPECT_DOUBLE_EQ(psnr(black, black), 120.0);
  try {
    psnr(black, Picture(3, 2, 3));
    FAIL() << "nothing was refused";
  } catch (const examples::PictureError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not of 4x2 RGB and 3x2 RGB"));
  }
}

}  // namespace
}  // namespace restore
