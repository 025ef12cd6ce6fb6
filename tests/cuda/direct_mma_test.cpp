#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/cuda/direct_mma.h>

// The direct convolution on mma.sync: what it takes, how its weights lie, which tile it chooses, and what
// fp32 promises. That its rows compute the right thing, kernels_test.cpp checks for every row.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::cuda::MmaNumbers;
using kernels::cuda::MmaPacking;
using kernels::cuda::direct_mma::Mode;
using kernels::cuda::direct_mma::Tile;

TEST(CudaMmaSelection, TakesItsProblemsFromAmpereOn) {
  if (!is_built("direct_mma")) GTEST_SKIP() << "this build holds no code for sm_80";
  const std::string flagship = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_";
  for (const int capability : {80, 86, 89, 90, 100, 120}) {
    const DeviceCaps caps = gpu_of(capability);  // too little shared memory for Hopper's own rows
    EXPECT_EQ(selected(flagship + "f32", caps), "cuda.direct_mma.fp32.sm80") << capability;
    EXPECT_EQ(selected(flagship + "tf32", caps), "cuda.direct_mma.tf32.sm80") << capability;
    EXPECT_EQ(selected(flagship + "f16", caps), "cuda.direct_mma.f16.sm80") << capability;
    EXPECT_EQ(selected(flagship + "bf16", caps), "cuda.direct_mma.bf16.sm80") << capability;
  }
  EXPECT_EQ(selected(flagship + "f32", gpu_of(75)), "cuda.plain");
  EXPECT_EQ(selected(flagship + "f16", gpu_of(80, 64)), "cuda.plain");
  for (int kh = 1; kh <= 7; ++kh) {
    for (int kw = 1; kw <= 7; ++kw) {
      for (const char* end : {"_s1x1_p1x1_op0x0_d1x1_g2_f16", "_s1x1_p1x1_zeros_d1x1_g2_f16"}) {
        const std::string text = message("n1ci4096ih63iw65co30kh", kh, "kw", kw, end);
        EXPECT_EQ(selected(text, gpu_of(86)), "cuda.direct_mma.f16.sm80") << text;
      }
    }
  }
}

TEST(CudaMmaSelection, SaysWhyItRefuses) {
  if (!is_built("direct_mma")) GTEST_SKIP() << "this build holds no code for sm_80";
  const auto reason = [](std::string_view problem) {
    const auto verdict =
        kernels::cuda::direct_mma::supports_fp32(ConvProblem::parse(problem), gpu_of(80, 163));
    return verdict.supported ? "supported" : verdict.reason;
  };
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32"), "supported");
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh3kw3_s2x2_p1x1_op0x0_d1x1_g1_f32"), "only for stride 1");
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh3kw3_s1x1_p2x2_op0x0_d2x2_g1_f32"), "only for dilation 1");
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh3kw3_s1x1_p1x1_reflect_d1x1_g1_f32"), "only for padding with zeros");
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh8kw3_s1x1_p1x1_op0x0_d1x1_g1_f32"),
            "only for kernels of up to 7 rows and columns");
  EXPECT_EQ(reason("n1ci32ih64iw64co3kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32"),
            "only from 4 channels of a group on either side");
  EXPECT_EQ(reason("n1ci32ih64iw64co32kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_tf32"), "for another type or precision");
  EXPECT_EQ(reason("n1ci4ih4000000iw4000000co4kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32"),
            "more than 2^31 tiles of 4 x 16 pixels");
  EXPECT_EQ(reason("n1ci4ih1iw2147483647co4kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32"),
            "more than 2^31 tiles of 4 x 16 pixels");
}

TEST(CudaMmaSelection, SmallImagesFillTheGpu) {
  const auto tile = [](std::string_view problem, Mode mode) {
    return kernels::cuda::direct_mma::choose_tile(ConvProblem::parse(problem), mode, 132);
  };
  for (const Mode mode : {Mode::tf32, Mode::f16, Mode::bf16, Mode::fp32}) {
    EXPECT_EQ(tile("n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32", mode), Tile::wide);
    EXPECT_EQ(tile("n8ci32ih512iw1024co8kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32", mode), Tile::few_channels);
    EXPECT_NE(tile("n1ci32ih64iw64co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32", mode), Tile::wide);
    EXPECT_EQ(tile("n999ci32ih9iw9co16kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32", mode), Tile::small);
  }
}

TEST(CudaMmaPacking, RoundTrip) {
  Random random(3);
  for (const bool transposed : {false, true}) {
    for (const MmaNumbers numbers : {MmaNumbers::tf32, MmaNumbers::f16_bf16, MmaNumbers::bf16_triples}) {
      const bool halves = numbers == MmaNumbers::f16_bf16;
      const MmaPacking packing{
          .transposed = transposed, .groups = 2, .ci = 19, .co = 21, .kh = 4, .kw = 5, .numbers = numbers};
      const std::int64_t count = 2 * 19 * 21 * 4 * 5;
      Tensor weight = random_tensor({count}, halves ? DType::f16 : DType::f32, Values::normal, random);
      if (!halves) {  // every output channel of a size of its own, denormal ones among them
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          const std::size_t channel = i / (transposed ? 20 : 19 * 20) % 21;
          weight.data<float>()[i] = std::ldexp(weight.data<float>()[i], 100 - 12 * static_cast<int>(channel));
        }
      }
      Tensor unpacked = Tensor::zeros({count}, weight.dtype());
      std::vector<unsigned char> packed(packing.bytes());
      kernels::cuda::pack_mma(packing, weight.view().raw(), packed.data());
      kernels::cuda::unpack_mma(packing, packed.data(), unpacked.view().raw());
      if (halves) {
        EXPECT_TRUE(same_bits(unpacked, weight));
        continue;
      }
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const float value = weight.data<float>()[i];
        const float relative = numbers == MmaNumbers::tf32 ? 0x1p-11f : 0.0f;
        EXPECT_NEAR(unpacked.data<float>()[i], value, std::abs(value) * relative + 0x1p-149f);
      }
    }
  }
}

/// The written layout, for one weight.
TEST(CudaMmaPacking, PutsAWeightWhereItsThreadReads) {
  const MmaPacking packing{
      .transposed = true, .ci = 32, .co = 16, .kh = 2, .kw = 3, .numbers = MmaNumbers::f16_bf16};
  const std::size_t ci = 16 + 13, co = 8 + 3, kh = 0, kw = 2;  // half 1, lane 4*3 + 1, second of its pair
  std::vector<std::uint16_t> weight(32 * 16 * 2 * 3), packed(packing.bytes() / 2);
  weight[((ci * 16 + co) * 2 + kh) * 3 + kw] = 7;
  kernels::cuda::pack_mma(packing, weight.data(), packed.data());
  const std::size_t fragment = ((1 * 2 + 1) * 2 + (1 - kh)) * 3 + (2 - kw);
  EXPECT_EQ(packed[fragment * 128 + (4 * 3 + 1) * 4 + 1 * 2 + 1], 7);
}

/// Weights too small for TF32 and for three parts are packed larger, and the section says by how much.
TEST(CudaMmaPacking, ScalesOutputChannelsOfTinyWeights) {
  struct Case {
    std::array<float, 3> weights;  // of one output channel
    std::int32_t exponent;
  };
  const std::vector<Case> cases = {
      {{0.0f, 0.0f, 0.0f}, 0},
      {{1.0f, -3e38f, 1e-30f}, 0},
      {{0x1p-24f, 0.0f, 0x1p-60f}, 0},
      {{0x1.fffffep-25f, 0.0f, 0.0f}, -1},
      {{0x1p-110f, -0x1.8p-100f, 0x1p-149f}, -76},
      {{0x1p-149f, 0.0f, 0.0f}, -125},
      {{0x1.abcdep-127f, -0x1.234p-130f, 0x1.8p-128f}, -103},
      {{INFINITY, 0x1p-50f, 0.0f}, -26},
      {{0x1p-50f, -INFINITY, NAN}, -26},
      {{NAN, 0.0f, 0.0f}, 0},
  };
  // Two groups of the same 10 channels: each group has two fragments of 8 channels, the second with a tail.
  std::vector<float> weight;
  for (int group = 0; group < 2; ++group) {
    for (const Case& c : cases)
      weight.insert(weight.end(), c.weights.begin(), c.weights.end());
  }
  for (const MmaNumbers numbers : {MmaNumbers::tf32, MmaNumbers::bf16_triples}) {
    const MmaPacking packing{.groups = 2, .ci = 3, .co = 10, .numbers = numbers};
    std::vector<std::uint32_t> packed(packing.bytes() / 4);
    std::vector<float> unpacked(weight.size());
    kernels::cuda::pack_mma(packing, weight.data(), packed.data());
    kernels::cuda::unpack_mma(packing, packed.data(), unpacked.data());

    ASSERT_EQ(packing.bytes(), packing.exponents_offset() + 2 * 16 * sizeof(std::int32_t));
    const std::span exponents(packed.data() + packing.exponents_offset() / 4, 32);
    for (std::size_t i = 0; i < exponents.size(); ++i) {
      EXPECT_EQ(static_cast<std::int32_t>(exponents[i]), i % 16 < cases.size() ? cases[i % 16].exponent : 0)
          << i;
    }
    for (std::size_t i = 0; i < weight.size(); ++i) {
      SCOPED_TRACE(message("weight ", i, ": ", weight[i]));
      if (!std::isfinite(weight[i])) {
        EXPECT_FALSE(std::isfinite(unpacked[i]));
      } else if (numbers == MmaNumbers::tf32) {
        EXPECT_NEAR(unpacked[i], weight[i], std::abs(weight[i]) * 0x1p-11f);
      } else {
        EXPECT_EQ(unpacked[i], weight[i]);
      }
    }
  }
}

std::string row_of(const ConvProblem& problem) {
  const std::string type = problem.dtype == DType::f16            ? "f16"
                           : problem.dtype == DType::bf16         ? "bf16"
                           : problem.precision == Precision::tf32 ? "tf32"
                                                                  : "fp32";
  return "cuda.direct_mma." + type + ".sm80";
}

class CudaMma : public Gpu {
 protected:
  void SetUp() override {
    Gpu::SetUp();
    if (!IsSkipped() && device_caps(Device::cuda(0)).compute_capability < 80)
      GTEST_SKIP() << "no GPU of compute capability 8.0 here";
  }
  /// y of the row of this name, on whichever GPU is here.
  Tensor run(const ConvProblem& problem, const Tensor& x, const Tensor& weight, const std::string& row) {
    ExecutionContext ctx(
        {.device = Device::cuda(0), .precision = problem.precision, .kernels = {{"conv_transpose2d", row}}});
    const Tensor gpu_x = x.to(ctx.device()), gpu_weight = weight.to(ctx.device());
    const auto packed = kernels::pack_weight(problem, weight, ctx.device());
    Tensor y = Tensor::empty(problem.y_shape(), problem.dtype, ctx.device());
    kernels::convolution(problem,
                         {.x = gpu_x, .weight = gpu_weight, .packed_weight = &packed, .epilogue = {}, .y = y},
                         "", ctx);
    return y.to(Device::cpu());
  }
};

/// Every tile of every row, on an image that each of them cuts.
TEST_F(CudaMma, TilesAgreeBitForBit) {
  if (!is_built("direct_mma")) GTEST_SKIP() << "this build holds no code for sm_80";
  for (const char* type : {"f32", "tf32", "f16", "bf16"}) {
    // The batch decides the tile: one image asks for small ones, many for wide ones.
    ConvProblem one =
        ConvProblem::parse(std::string("n1ci20ih19iw126co30kh3kw5_s1x1_p1x2_op0x0_d1x1_g1_") + type);
    ConvProblem many = one;
    many.n = 60;
    Random random(13);
    const Tensor weight = random_tensor(one.weight_shape(), one.dtype, Values::normal, random);
    const Tensor x = random_tensor(one.x_shape(), one.dtype, Values::normal, random);
    Tensor xs = Tensor::empty(many.x_shape(), many.dtype);
    const std::size_t bytes = x.spec().bytes();
    for (std::size_t i = 0; i < 60; ++i)
      std::memcpy(static_cast<std::byte*>(xs.view().raw()) + i * bytes, x.view().raw(), bytes);
    const std::vector<double> alone = to_doubles(run(one, x, weight, row_of(one)));
    const std::vector<double> together = to_doubles(run(many, xs, weight, row_of(many)));
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < together.size(); ++i)
      wrong += together[i] != alone[i % alone.size()];
    EXPECT_EQ(wrong, 0) << type;
  }
}

}  // namespace
}  // namespace upconv::test
