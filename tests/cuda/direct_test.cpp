#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cuda/direct_pack.h>

// The direct convolution on Hopper's matrix units: what it takes and how its weights lie. That its rows
// compute the right thing, kernels_test.cpp and ranges_test.cpp check for every row.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::cuda::DirectNumbers;
using kernels::cuda::DirectPacking;
using ::testing::HasSubstr;
using ::testing::Not;

const DeviceCaps kHopper = gpu_of(90, 227);

TEST(CudaDirectSelection, TakesItsProblemsOnHopperOnly) {
  if (!is_built("direct_wgmma")) GTEST_SKIP() << "this build holds no code for sm_90a";
  const std::string flagship = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_";
  EXPECT_EQ(selected(flagship + "f32", kHopper), "cuda.direct_wgmma.fp32.sm90");
  EXPECT_EQ(selected(flagship + "tf32", kHopper), "cuda.direct_wgmma.tf32.sm90");
  EXPECT_EQ(selected(flagship + "f16", kHopper), "cuda.direct_wgmma.f16.sm90");
  EXPECT_EQ(selected(flagship + "bf16", kHopper), "cuda.direct_wgmma.bf16.sm90");
  for (const int capability : {80, 89, 100, 120}) {
    EXPECT_EQ(selected(flagship + "f16", gpu_of(capability, 227)), "cuda.direct_mma.f16.sm80") << capability;
  }
  for (const char* kernel :
       {"kh1kw1_s1x1_p1x1", "kh3kw3_s1x1_p1x1", "kh5kw5_s1x1_p2x2", "kh7kw7_s1x1_p3x3", "kh1kw7_s1x1_p0x3",
        "kh5kw1_s1x1_p2x0", "kh2kw2_s1x1_p0x0", "kh6kw4_s1x1_p1x1"}) {
    for (const char* channels : {"8", "16", "32", "64"}) {
      for (const char* type : {"f32", "tf32", "f16", "bf16"}) {
        const std::string text = message("n1ci", channels, "ih64iw64co64", kernel, "_zeros_d1x1_g1_", type);
        EXPECT_THAT(std::string(selected(text, kHopper)), ::testing::StartsWith("cuda.direct_wgmma."))
            << text;
      }
    }
  }
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh3kw3_s2x2_p1x1_op0x0_d1x1_g1_f32", kHopper), "cuda.plain");
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh3kw3_s1x1_p2x2_op0x0_d2x2_g1_f32", kHopper), "cuda.plain");
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh4kw4_s1x1_p1x1_op0x0_d1x1_g1_f32", kHopper),
            "cuda.direct_wgmma.fp32.sm90");
  EXPECT_EQ(selected("n1ci32ih64iw64co3kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32", kHopper), "cuda.plain");
  EXPECT_EQ(selected("n1ci2048ih64iw64co32kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32", kHopper),
            "cuda.direct_mma.fp32.sm80");
}

TEST(CudaDirectPacking, RoundTrip) {
  Random random(3);
  for (const bool transposed : {false, true}) {
    for (const DirectNumbers numbers : {DirectNumbers::tf32, DirectNumbers::f16_bf16,
                                        DirectNumbers::scaled_f16, DirectNumbers::bf16_triples}) {
      for (const int kh : {3, 4}) {
        const DirectPacking packing{.transposed = transposed,
                                    .groups = 2,
                                    .ci = 19,
                                    .co = 21,
                                    .kh = kh,
                                    .kw = 5,
                                    .co_tile = 16,
                                    .numbers = numbers};
        SCOPED_TRACE(message("numbers ", static_cast<int>(numbers), " kh ", kh));
        const std::int64_t count = 2 * 19 * 21 * kh * 5;
        const bool halves = numbers == DirectNumbers::f16_bf16;
        const Tensor weight =
            random_tensor({count}, halves ? DType::f16 : DType::f32, Values::normal, random);
        Tensor unpacked = Tensor::zeros({count}, weight.dtype());
        std::vector<unsigned char> packed(packing.bytes());
        kernels::cuda::pack_direct(packing, weight.view().raw(), packed.data());
        kernels::cuda::unpack_direct(packing, packed.data(), unpacked.view().raw());
        if (halves) {
          EXPECT_TRUE(same_bits(unpacked, weight));
          continue;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          const float value = weight.data<float>()[i], size = std::abs(value);
          // Scaled f16 keep all bits of what is not tiny beside the tile's largest, here up to 5.
          const bool tiny = numbers == DirectNumbers::scaled_f16 && size < 0x1p-16f;
          const float relative = numbers == DirectNumbers::tf32 ? 0x1p-11f : tiny ? 0x1p-22f : 0.0f;
          EXPECT_NEAR(unpacked.data<float>()[i], value, size * relative);
        }
      }
    }
  }
}

/// The written layout, for one weight: h, l and r, and what meets the input's r and l.
TEST(CudaDirectPacking, PutsAWeightWhereItsThreadReads) {
  const DirectPacking packing{.transposed = true,
                              .ci = 32,
                              .co = 32,
                              .kh = 2,
                              .kw = 3,
                              .co_tile = 16,
                              .numbers = DirectNumbers::scaled_f16};
  const std::size_t ci = 16 + 13, co = 16 + 3, kh = 0, kw = 1;
  std::vector<float> weight(32 * 32 * 2 * 3);
  std::vector<unsigned char> packed(packing.bytes());
  weight[((ci * 32 + co) * 2 + kh) * 3 + kw] = 1.0f + 3 * 0x1p-13f + 0x1p-23f;
  kernels::cuda::pack_direct(packing, weight.data(), packed.data());

  // Tile 1, step 1; of three slots the first is empty, so that the flipped kh is slot 2. Channel 13 is in
  // half 1 the second of its pair, and byte 7.
  const std::size_t step = packing.tile_bytes() + packing.step_bytes(), half = 3 * 16 * 16;
  const std::size_t tap = step + (2 - kw) * packing.tap_bytes(), column = (2 * 16 + 3) * 16;
  const auto f16 = [&](std::size_t at) {
    return float{upconv::Float16::from_bits(static_cast<std::uint16_t>(packed[at] | packed[at + 1] << 8))};
  };
  const auto e5m2 = [&](std::size_t at) {
    return float{upconv::Float16::from_bits(static_cast<std::uint16_t>(packed[at] << 8))};
  };
  EXPECT_EQ(f16(tap + half + column + 3 * 2), 16384.0f);
  EXPECT_EQ(f16(tap + packing.part_bytes() + half + column + 3 * 2), 12288.0f);
  EXPECT_EQ(e5m2(tap + 2 * packing.part_bytes() + column + 7), 32.0f);
  EXPECT_EQ(e5m2(tap + 2 * packing.part_bytes() + half + column + 7), 4.0f);
  EXPECT_EQ(e5m2(step + 3 * packing.tap_bytes() + half + column + 7), 6.0f);
  const auto is_set = [](unsigned char byte) { return byte != 0; };
  EXPECT_EQ(std::ranges::count_if(std::span(packed).first(packing.exponents_offset()), is_set), 5);
}

TEST(CudaDirectPacking, ScaledF16TakeWeightsOfABoundedRange) {
  const DirectPacking packing{
      .ci = 16, .co = 16, .kh = 1, .kw = 1, .co_tile = 16, .numbers = DirectNumbers::scaled_f16};
  const auto fits = [&](float a, float b) {
    std::vector<float> weight(16 * 16, 0.0f);
    weight[3] = a, weight[200] = b;
    return kernels::cuda::fits_scaled_f16(packing, weight.data());
  };
  EXPECT_TRUE(fits(0.0f, 0.0f));
  EXPECT_TRUE(fits(1.5e30f, 0.0f));
  EXPECT_TRUE(fits(1e-40f, 0.0f));
  EXPECT_TRUE(fits(1.0f, 0x1p-27f));
  EXPECT_FALSE(fits(1.0f, 0x1p-28f));
  EXPECT_FALSE(fits(1.0f, 1e-40f));
  EXPECT_FALSE(fits(1.0f, INFINITY));
  EXPECT_FALSE(fits(1.0f, NAN));
}

TEST(CudaDirectPacking, RoundsToTheNearestTf32Number) {
  EXPECT_EQ(kernels::cuda::round_to_tf32(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
  EXPECT_EQ(kernels::cuda::round_to_tf32(1.0f + 0x1p-12f), 1.0f);
  EXPECT_TRUE(std::isfinite(kernels::cuda::round_to_tf32(std::numeric_limits<float>::max())));
  EXPECT_TRUE(std::isnan(kernels::cuda::round_to_tf32(NAN)));
}

}  // namespace
}  // namespace upconv::test
