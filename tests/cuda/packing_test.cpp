#include <map>
#include <string>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/cuda/direct_mma_pack.h>
#include <upconv/kernels/cuda/direct_pack.h>

// What is packed for which GPU. But for the last tests none need be here.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::ConvRow;

std::string packed_for(const std::string& layer, const DeviceCaps& caps, std::string_view forced = "") {
  const ConvRow* row = kernels::packing_row(ConvProblem::parse(layer), caps, forced);
  return row == nullptr ? "" : std::string(row->name);
}

const std::string kFlagship = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_";

TEST(CudaPacking, IsForTheRowThatRunsAndNoOther) {
  if (!is_built("direct_mma") || !is_built("direct_wgmma")) GTEST_SKIP() << "a build without those kernels";
  const std::map<std::string, std::string> modes = {
      {"f32", "fp32"}, {"tf32", "tf32"}, {"f16", "f16"}, {"bf16", "bf16"}};
  for (const auto& [type, mode] : modes) {
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(90, 227)), "cuda.direct_wgmma." + mode + ".sm90");
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(80)), "cuda.direct_mma." + mode + ".sm80");
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(120)), "cuda.direct_mma." + mode + ".sm80");
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(75)), "");
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(90, 227), "cuda.plain"), "");
    EXPECT_EQ(packed_for(kFlagship + type, gpu_of(90, 227), "cuda.direct_mma." + mode + ".sm80"),
              "cuda.direct_mma." + mode + ".sm80");
  }
  EXPECT_EQ(packed_for("n1ci32ih64iw64co32kh3kw3_s2x2_p1x1_op0x0_d1x1_g1_f32", gpu_of(90, 227)), "");
  EXPECT_EQ(packed_for(kFlagship + "f32_nonfinite", gpu_of(90, 227)), "");
}

TEST(CudaPacking, TheFlagshipInFp32TakesLessThanTwiceItsWeight) {
  if (!is_built("direct_mma") || !is_built("direct_wgmma")) GTEST_SKIP() << "a build without those kernels";
  const ConvProblem layer = ConvProblem::parse(kFlagship + "f32");
  const auto bytes_on = [&](const DeviceCaps& caps) {
    const double bytes =
        static_cast<double>(kernels::packing_row(layer, caps, "")->packed_bytes(layer, caps, 0));
    return bytes / static_cast<double>(layer.weight_shape().numel() * 4);
  };
  EXPECT_LT(bytes_on(gpu_of(90, 227)), 1.8);
  EXPECT_LT(bytes_on(gpu_of(80)), 1.52);
}

/// What a row packs does not depend on the image, and is there wherever the row runs.
TEST(CudaPacking, IsThereForEveryImageThatARowSupports) {
  for (ConvProblem p : gpu_problems()) {
    for (const DType dtype : kComputeDTypes) {
      for (const Precision precision : {Precision::fp32, Precision::tf32}) {
        for (const DeviceCaps& caps : {gpu_of(75), gpu_of(80), gpu_of(90, 227), gpu_of(120)}) {
          p.dtype = dtype;
          p.precision = precision;
          ConvProblem layer = p;
          layer.n = layer.ih = layer.iw = 1;
          for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
            if (row.packed_bytes == nullptr) continue;
            const std::size_t bytes = row.packed_bytes(p, caps, 0);
            EXPECT_EQ(bytes, row.packed_bytes(layer, caps, 0)) << row.name << ' ' << p.to_string();
            EXPECT_TRUE(bytes > 0 || !row.supports(p, caps).supported) << row.name << ' ' << p.to_string();
          }
        }
      }
    }
  }
}

TEST(CudaPacking, GivesTheSameBytesFromAnyNumberOfThreads) {
  Random random(5);
  using kernels::cuda::DirectNumbers;
  using kernels::cuda::MmaNumbers;
  for (const bool transposed : {false, true}) {
    const Tensor weight = random_tensor({2 * 37 * 41 * 3 * 4}, DType::f32, Values::normal, random);
    for (const auto numbers : {DirectNumbers::tf32, DirectNumbers::f16_bf16, DirectNumbers::scaled_f16,
                               DirectNumbers::bf16_triples}) {
      const kernels::cuda::DirectPacking packing{.transposed = transposed,
                                                 .groups = 2,
                                                 .ci = 37,
                                                 .co = 41,
                                                 .kh = 4,
                                                 .kw = 3,
                                                 .co_tile = 16,
                                                 .numbers = numbers};
      // Whatever was in the memory before is overwritten.
      std::vector<unsigned char> one(packing.bytes(), 0xaa), five(packing.bytes(), 0x55);
      kernels::cuda::pack_direct(packing, weight.view().raw(), one.data());
      kernels::cuda::pack_direct(packing, weight.view().raw(), five.data(), 5);
      EXPECT_EQ(one, five);
      EXPECT_EQ(kernels::cuda::fits_scaled_f16(packing, weight.view().raw()),
                kernels::cuda::fits_scaled_f16(packing, weight.view().raw(), 5));
    }
    for (const auto numbers : {MmaNumbers::tf32, MmaNumbers::f16_bf16, MmaNumbers::bf16_triples}) {
      const kernels::cuda::MmaPacking packing{
          .transposed = transposed, .groups = 2, .ci = 37, .co = 41, .kh = 4, .kw = 3, .numbers = numbers};
      std::vector<unsigned char> one(packing.bytes(), 0xaa), five(packing.bytes(), 0x55);
      kernels::cuda::pack_mma(packing, weight.view().raw(), one.data());
      kernels::cuda::pack_mma(packing, weight.view().raw(), five.data(), 5);
      EXPECT_EQ(one, five);
    }
  }
}

class CudaPackedWeight : public Gpu {};

/// A policy decides what is packed: a context with another one is told so, and nothing slower runs instead.
TEST_F(CudaPackedWeight, OfAnotherPolicyIsRefused) {
  Conv2d layer({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = 1});
  layer.initialize(1);
  ExecutionContext usual({.device = Device::cuda(0)});
  ExecutionContext plain({.device = Device::cuda(0), .kernels = {{"conv2d", "cuda.plain"}}});
  const Tensor x = Tensor::full({1, 16, 20, 20}, 0.5).to(Device::cuda(0));
  layer.prepare(plain);
  const Tensor expected = layer(x, plain).to(Device::cpu());
  const ConvProblem problem = ConvProblem::parse("n1ci16ih20iw20co16kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32");
  if (kernels::packing_row(problem, usual.caps(), "") == nullptr) GTEST_SKIP() << "no row of this GPU packs";
  EXPECT_THROW(layer(x, usual), StateError);
  layer.prepare(usual);
  const Tensor actual = layer(x, usual).to(Device::cpu());
  for (std::size_t i = 0; i < expected.data<float>().size(); ++i)
    ASSERT_NEAR(actual.data<float>()[i], expected.data<float>()[i], 1e-5);
  EXPECT_NO_THROW(layer(x, plain));  // it reads PyTorch's weight
}

}  // namespace
}  // namespace upconv::test
