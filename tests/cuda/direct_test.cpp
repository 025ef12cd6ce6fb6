#include <cmath>
#include <limits>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cuda/direct_pack.h>

// The direct convolution on Hopper's matrix units: what it takes, how its weights lie, and what fp32
// promises. That its rows compute the right thing, kernels_test.cpp checks for every row.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::cuda::DirectPacking;

DeviceCaps h200() {
  return {.type = Device::Type::cuda,
          .name = "NVIDIA H200",
          .compute_capability = 90,
          .multiprocessors = 132,
          .shared_memory_per_block = 227 << 10,
          .memory_bytes = std::size_t{140} << 30};
}

std::string_view selected(std::string_view problem, const DeviceCaps& caps) {
  const ConvProblem p = ConvProblem::parse(problem);
  return kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, caps, "").name;
}

TEST(CudaDirectSelection, TakesItsProblemsOnHopperOnly) {
  const std::string flagship = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_";
  EXPECT_EQ(selected(flagship + "f32", h200()), "cuda.direct_wgmma.fp32.sm90");
  EXPECT_EQ(selected(flagship + "tf32", h200()), "cuda.direct_wgmma.tf32.sm90");
  EXPECT_EQ(selected(flagship + "f16", h200()), "cuda.direct_wgmma.f16.sm90");
  EXPECT_EQ(selected(flagship + "bf16", h200()), "cuda.direct_wgmma.bf16.sm90");
  for (const int capability : {80, 89, 100, 120}) {
    DeviceCaps caps = h200();
    caps.compute_capability = capability;
    EXPECT_EQ(selected(flagship + "f16", caps), "cuda.direct_mma.f16.sm80") << capability;
  }
  for (const char* kernel : {"kh1kw1_s1x1_p1x1", "kh3kw3_s1x1_p1x1", "kh5kw5_s1x1_p2x2", "kh7kw7_s1x1_p3x3",
                             "kh1kw7_s1x1_p0x3", "kh5kw1_s1x1_p2x0"}) {
    for (const char* channels : {"8", "16", "32", "64"}) {
      for (const char* type : {"f32", "tf32", "f16", "bf16"}) {
        const std::string text = message("n1ci", channels, "ih64iw64co64", kernel, "_zeros_d1x1_g1_", type);
        EXPECT_THAT(std::string(selected(text, h200())), ::testing::StartsWith("cuda.direct_wgmma.")) << text;
      }
    }
  }
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh3kw3_s2x2_p1x1_op0x0_d1x1_g1_f32", h200()), "cuda.plain");
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh3kw3_s1x1_p2x2_op0x0_d2x2_g1_f32", h200()), "cuda.plain");
  EXPECT_EQ(selected("n1ci32ih64iw64co32kh4kw4_s1x1_p1x1_op0x0_d1x1_g1_f32", h200()),
            "cuda.direct_mma.fp32.sm80");
  EXPECT_EQ(selected("n1ci32ih64iw64co3kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32", h200()), "cuda.plain");
  EXPECT_EQ(selected("n1ci2048ih64iw64co32kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32", h200()),
            "cuda.direct_mma.fp32.sm80");
}

TEST(CudaDirectPacking, RoundTrip) {
  Random random(3);
  for (const bool transposed : {false, true}) {
    for (const int element_bytes : {2, 4}) {
      const DirectPacking packing{.transposed = transposed,
                                  .groups = 2,
                                  .ci = 19,
                                  .co = 21,
                                  .kh = 3,
                                  .kw = 5,
                                  .co_tile = 16,
                                  .element_bytes = element_bytes,
                                  .parts = element_bytes / 2};
      const std::int64_t count = 2 * 19 * 21 * 3 * 5;
      const Tensor weight =
          random_tensor({count}, element_bytes == 2 ? DType::f16 : DType::f32, Values::normal, random);
      Tensor unpacked = Tensor::zeros({count}, weight.dtype());
      std::vector<unsigned char> packed(packing.bytes());
      kernels::cuda::pack_direct(packing, weight.view().raw(), packed.data());
      kernels::cuda::unpack_direct(packing, packed.data(), unpacked.view().raw());
      if (element_bytes == 2) {
        EXPECT_TRUE(same_bits(unpacked, weight));
        continue;
      }
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const float value = weight.data<float>()[i];
        EXPECT_NEAR(unpacked.data<float>()[i], value, std::abs(value) * 0x1p-22f);
      }
    }
  }
}

TEST(CudaDirectPacking, RoundsToTheNearestTf32Number) {
  EXPECT_EQ(kernels::cuda::round_to_tf32(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
  EXPECT_EQ(kernels::cuda::round_to_tf32(1.0f + 0x1p-12f), 1.0f);
  EXPECT_TRUE(std::isfinite(kernels::cuda::round_to_tf32(std::numeric_limits<float>::max())));
  EXPECT_TRUE(std::isnan(kernels::cuda::round_to_tf32(NAN)));
}

class CudaDirect : public Gpu {
 protected:
  /// y of the row that the context selects.
  Tensor run(const ConvProblem& problem, const Tensor& x, const Tensor& weight, ExecutionContext& ctx) {
    const Tensor gpu_x = x.to(ctx.device()), gpu_weight = weight.to(ctx.device());
    const Tensor packed = kernels::pack_weight(problem, weight, ctx.device());
    Tensor y = Tensor::empty(problem.y_shape(), problem.dtype, ctx.device());
    kernels::convolution(
        problem,
        {.x = gpu_x, .weight = gpu_weight, .packed_weight = packed, .bias = {}, .activation = {}, .y = y}, "",
        ctx);
    return y.to(Device::cpu());
  }
  Tensor reference(const ConvProblem& problem, const Tensor& x, const Tensor& weight) {
    ExecutionContext cpu({.kernels = {{"conv_transpose2d", "cpu.reference"}}});
    Tensor y = Tensor::empty(problem.y_shape(), problem.dtype);
    kernels::convolution(
        problem, {.x = x, .weight = weight, .packed_weight = {}, .bias = {}, .activation = {}, .y = y}, "",
        cpu);
    return y;
  }
};

double distance(const Tensor& actual, const Tensor& expected) {
  double squares = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(actual.numel()); ++i)
    squares += std::pow(double{actual.data<float>()[i]} - double{expected.data<float>()[i]}, 2);
  return std::sqrt(squares);
}

/// fp32 promises, on any range, at most 1.2 times the error of ordinary multiply-adds: those of cuda.plain.
TEST_F(CudaDirect, Fp32IsAsAccurateAsMultiplyAddsOnAnyRange) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  const ConvProblem problem = ConvProblem::parse("n1ci32ih24iw140co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32");
  if (kernels::select("conv_transpose2d", kernels::convolution_rows(Device::Type::cuda), problem, ctx.caps(),
                      "")
          .name == "cuda.plain")
    GTEST_SKIP() << "no direct kernel for this GPU";
  ExecutionContext plain({.device = Device::cuda(0), .kernels = {{"conv_transpose2d", "cuda.plain"}}});
  Random random(11);
  std::uniform_real_distribution<float> exponent(-6.0f, 6.0f);
  for (const char* range : {"normal", "large", "small", "tiny", "mixed", "cancelling"}) {
    SCOPED_TRACE(range);
    Tensor x = random_tensor(problem.x_shape(), DType::f32, Values::normal, random);
    Tensor weight = random_tensor(problem.weight_shape(), DType::f32, Values::normal, random);
    for (float& value : x.data<float>()) {
      if (range == std::string_view("large")) value *= 1e6f;
      if (range == std::string_view("small")) value *= 1e-6f;
      if (range == std::string_view("tiny")) value *= 1e-39f;
      if (range == std::string_view("mixed")) value *= std::pow(10.0f, exponent(random));
      if (range == std::string_view("cancelling")) value = 1000.0f + value;
    }
    if (range == std::string_view("cancelling")) {  // pairs of channels that nearly cancel
      const auto w = weight.data<float>();
      const std::size_t half = w.size() / 2;
      for (std::size_t k = 0; k < half; ++k)
        w[half + k] = -w[k];
    }
    const Tensor expected = reference(problem, x, weight);
    const double direct = distance(run(problem, x, weight, ctx), expected);
    const double multiply_adds = distance(run(problem, x, weight, plain), expected);
    EXPECT_TRUE(direct <= 1.2 * multiply_adds) << direct << " against " << multiply_adds;
  }
}

/// An input that is not finite spoils the outputs that read it, and no other.
TEST_F(CudaDirect, InputsThatAreNotFiniteSpoilWhatReadsThem) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    ExecutionContext ctx({.device = Device::cuda(0), .precision = precision});
    ConvProblem problem = ConvProblem::parse("n1ci16ih12iw140co16kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32");
    problem.precision = precision;
    Random random(12);
    Tensor x = random_tensor(problem.x_shape(), DType::f32, Values::normal, random);
    const Tensor weight = random_tensor(problem.weight_shape(), DType::f32, Values::normal, random);
    x.data<float>()[200] = INFINITY;
    x.data<float>()[3000] = NAN;
    x.data<float>()[140 * 12 * 15 + 139] = -INFINITY;
    const Tensor expected = reference(problem, x, weight), actual = run(problem, x, weight, ctx);
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(actual.numel()); ++i)
      wrong += std::isfinite(actual.data<float>()[i]) != std::isfinite(expected.data<float>()[i]);
    EXPECT_EQ(wrong, 0) << name_of(precision);
  }
}

}  // namespace
}  // namespace upconv::test
