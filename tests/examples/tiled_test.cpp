#include "common/tiled.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>

#include "common/color.h"
#include "upscale/bicubic.h"
#include "upscale/enlarge.h"
#include "upscale/fsrcnn.h"
#include <gtest/gtest.h>

namespace upscale {
namespace {

using examples::plan_tiles;
using examples::Tile;

/// FSRCNN with seeded random weights, which give each layer about the same range as its input.
LumaNetwork random_network(upconv::ExecutionContext& ctx, upconv::DType dtype = upconv::DType::f32) {
  std::mt19937 random(7);
  upconv::Sequential net = make_fsrcnn();
  upconv::StateDict weights;
  for (const upconv::EntrySpec& entry : net.entries()) {
    const double fan_in = static_cast<double>(entry.shape.numel()) / static_cast<double>(entry.shape[0]);
    std::normal_distribution<float> normal(0.0f, static_cast<float>(1.0 / std::sqrt(fan_in)));
    upconv::Tensor tensor = upconv::Tensor::empty(entry.shape);
    for (float& value : tensor.data<float>())
      value = normal(random);
    weights.insert(entry.name, std::move(tensor));
  }
  net.load(weights);
  return LumaNetwork(std::move(net), dtype, ctx);
}

Picture random_picture(int width, int height, int channels) {
  std::mt19937 random(static_cast<unsigned>(width * 1000 + height));
  Picture picture(width, height, channels);
  for (std::uint8_t& value : picture.pixels)
    value = static_cast<std::uint8_t>(random() >> 8);
  return picture;
}

/// An enlarged picture, and its luma as the network gave it.
struct Result {
  Picture picture;
  Plane luma;
};

Result enlarge_in_tiles(const Picture& small, const EnlargeLuma& luma, int tile, int overlap) {
  Result result;
  result.luma = Plane(small.width * kScale, small.height * kScale);
  EnlargeOptions options{.tile = tile, .overlap = overlap};
  options.on_luma = [&](const Rect& area, const Plane& y) {
    for (int row = 0; row < area.height; ++row)
      std::copy_n(y.row(row), area.width, result.luma.row(area.y + row) + area.x);
  };
  result.picture = enlarge(small, luma, options);
  return result;
}

TEST(Tiles, CoverEveryPixelOnce) {
  for (const auto& [width, height, tile] :
       {std::tuple{37, 23, 8}, {8, 8, 8}, {9, 8, 8}, {1, 50, 7}, {3, 2, 100}}) {
    std::vector<int> seen(static_cast<std::size_t>(width * height));
    for (const Tile& t : plan_tiles(width, height, tile, 5)) {
      EXPECT_LE(t.inner.width, tile);
      EXPECT_LE(t.inner.height, tile);
      EXPECT_EQ(t.window.x, std::max(0, t.inner.x - 5));
      EXPECT_EQ(t.window.x + t.window.width, std::min(width, t.inner.x + t.inner.width + 5));
      EXPECT_EQ(t.window.y, std::max(0, t.inner.y - 5));
      EXPECT_EQ(t.window.y + t.window.height, std::min(height, t.inner.y + t.inner.height + 5));
      for (int y = t.inner.y; y < t.inner.y + t.inner.height; ++y) {
        for (int x = t.inner.x; x < t.inner.x + t.inner.width; ++x)
          ++seen[static_cast<std::size_t>(y * width + x)];
      }
    }
    EXPECT_EQ(seen, std::vector<int>(seen.size(), 1)) << width << 'x' << height << " in tiles of " << tile;
  }
}

TEST(Tiles, MeetOnTheGrid) {
  for (const auto& [width, height, tile] :
       {std::tuple{37, 23, 8}, {8, 8, 8}, {9, 8, 8}, {1, 50, 4}, {101, 66, 12}}) {
    int pixels = 0;
    for (const Tile& t : plan_tiles(width, height, tile, 8, 4)) {
      EXPECT_LE(t.inner.width, tile);
      EXPECT_LE(t.inner.height, tile);
      for (const int edge : {t.inner.x, t.inner.y, t.window.x, t.window.y})
        EXPECT_EQ(edge % 4, 0);
      pixels += t.inner.width * t.inner.height;
    }
    EXPECT_EQ(pixels, width * height);
  }
}

using PictureSize = std::pair<int, int>;

class TiledNetwork : public testing::TestWithParam<PictureSize> {};

TEST_P(TiledNetwork, EqualsUntiledBitForBit) {
  const auto [width, height] = GetParam();
  upconv::ExecutionContext ctx({.num_threads = 2});
  const LumaNetwork net = random_network(ctx);
  const Picture small = random_picture(width, height, 3);
  const Result whole = enlarge_in_tiles(small, std::ref(net), 1 << 14, 0);
  for (const int tile : {7, 16, 29}) {
    const Result tiled = enlarge_in_tiles(small, std::ref(net), tile, kFsrcnnReach);
    EXPECT_EQ(tiled.luma, whole.luma) << "tiles of " << tile;
    EXPECT_EQ(tiled.picture.pixels, whole.picture.pixels) << "tiles of " << tile;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, TiledNetwork,
                         testing::Values(PictureSize{48, 32}, PictureSize{37, 23}, PictureSize{1, 40},
                                         PictureSize{40, 1}, PictureSize{1, 1}, PictureSize{2, 3},
                                         PictureSize{9, 17}));

TEST(Tiles, OverlapIsTheReceptiveFieldAndNoMore) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const LumaNetwork net = random_network(ctx);
  const Picture small = random_picture(40, 24, 1);
  const Plane whole = enlarge_in_tiles(small, std::ref(net), 1 << 14, 0).luma;
  EXPECT_EQ(enlarge_in_tiles(small, std::ref(net), 16, kFsrcnnReach).luma, whole);
  EXPECT_NE(enlarge_in_tiles(small, std::ref(net), 16, kFsrcnnReach - 1).luma, whole);
}

TEST(Tiles, BicubicOfAllChannelsHasNoSeams) {
  for (int channels = 1; channels <= 4; ++channels) {
    const Picture small = random_picture(31, 18, channels);
    const auto bicubic = [](const Plane& luma) { return bicubic_x2(luma); };
    const Result whole = enlarge_in_tiles(small, bicubic, 1 << 14, 0);
    const Result tiled = enlarge_in_tiles(small, bicubic, 5, kBicubicReach);
    EXPECT_EQ(tiled.picture.pixels, whole.picture.pixels) << channels << " channels";
  }
}

TEST(Tiles, ProgressEndsAtAllPixels) {
  const Picture small = random_picture(20, 10, 1);
  std::vector<std::int64_t> told;
  EnlargeOptions options{.tile = 8};
  options.on_progress = [&](std::int64_t pixels) { told.push_back(pixels); };
  enlarge(
      small, [](const Plane& luma) { return bicubic_x2(luma); }, options);
  EXPECT_EQ(told.size(), 6u);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), 200);
}

TEST(Fsrcnn, LowPrecisionStaysNear) {
  upconv::ExecutionContext ctx({.num_threads = 2});
  const Plane x = luma_of(random_picture(12, 10, 1), {0, 0, 12, 10});
  const Plane wanted = random_network(ctx)(x);
  const float largest =
      std::abs(*std::ranges::max_element(wanted.values, {}, [](float v) { return std::abs(v); }));
  for (const auto& [dtype, unit] :
       {std::pair{upconv::DType::f16, 0x1p-11f}, {upconv::DType::bf16, 0x1p-8f}}) {
    const Plane got = random_network(ctx, dtype)(x);
    EXPECT_NE(got, wanted);
    for (std::size_t i = 0; i < got.values.size(); ++i)
      ASSERT_NEAR(got.values[i], wanted.values[i], 8 * unit * largest) << dtype;
  }
}

TEST(Fsrcnn, HasTheTrainersNames) {
  std::vector<std::string> names;
  for (const upconv::EntrySpec& entry : make_fsrcnn().entries())
    names.push_back(entry.name);
  EXPECT_EQ(names.size(), 23u);
  EXPECT_EQ(names.front(), "feature.weight");
  EXPECT_EQ(names[6], "map0.weight");
  EXPECT_EQ(names[8], "map0_act.weight");
  EXPECT_EQ(names.back(), "deconv.bias");
}

}  // namespace
}  // namespace upscale
