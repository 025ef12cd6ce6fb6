#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/parallel_for.h>
#include <upconv/tests/kernels/problems.h>

// The directory of packed weights: what is in it, who finds it, and what those are told who do not.

namespace upconv::test {

namespace {

using kernels::ConvProblem;
using kernels::PackedWeight;
using ::testing::HasSubstr;

const ConvProblem kLayer{.n = 1, .ci = 2, .ih = 5, .iw = 6, .co = 4, .kh = 3, .kw = 3};
constexpr std::size_t kWeightBytes = 2 * 4 * 3 * 3 * sizeof(float);

/// What `convolution` throws with this packed weight.
template <class Thrown>
std::string text_with(const PackedWeight* packed, const ExecutionContextOptions& options = {}) {
  const ConvCase c(kLayer, Values::exact, 0);
  ExecutionContext ctx(options);
  Tensor y = Tensor::zeros(kLayer.y_shape());
  kernels::ConvOperands operands = c.operands(y);
  operands.packed_weight = packed;
  try {
    kernels::convolution(kLayer, operands, {"Conv2d", "up"}, ctx);
  } catch (const Thrown& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

PackedWeight pack(const ExecutionContextOptions& options = {}, const ConvProblem& layer = kLayer) {
  return kernels::pack_weight(layer, Tensor::full(layer.weight_shape(), 0.5), ExecutionContext(options));
}

TEST(PackedWeight, HoldsWhatTheContextsRowReads) {
  const PackedWeight packed = pack();
  ASSERT_EQ(packed.sections().size(), 1u);
  const kernels::PackedSection* section = packed.find("cpu.direct");
  ASSERT_NE(section, nullptr);
  EXPECT_EQ(section->bytes, kWeightBytes);
  EXPECT_EQ(packed.bytes(), kWeightBytes);
  EXPECT_EQ(packed.find("cpu.reference"), nullptr);
  EXPECT_EQ(packed.device(), Device::cpu());
  EXPECT_EQ(text_with<Error>(&packed), "(nothing was thrown)");
}

TEST(PackedWeight, IsEmptyForARowThatReadsPyTorchs) {
  const ExecutionContextOptions reference{.kernels = {{"conv2d", "cpu.reference"}}};
  const PackedWeight none = pack(reference);
  EXPECT_TRUE(none.sections().empty());
  EXPECT_EQ(none.bytes(), 0u);
  EXPECT_EQ(text_with<Error>(&none, reference), "(nothing was thrown)");
  EXPECT_EQ(text_with<Error>(nullptr, reference), "(nothing was thrown)");
  EXPECT_EQ(text_with<StateError>(&none),
            "Conv2d 'up': this context runs cpu.direct on n1ci2ih5iw6co4kh3kw3_s1x1_p0x0_zeros_d1x1_g1_f32, "
            "but the "
            "weight was packed for no kernel that packs: call prepare(ctx) with this context, or with one "
            "that forces "
            "cpu.direct");
  EXPECT_THAT(text_with<StateError>(nullptr), HasSubstr("call prepare(ctx)"));
}

TEST(PackedWeight, OfAnotherLayerIsRefused) {
  ConvProblem larger = kLayer;
  larger.ci = 3;
  const PackedWeight packed = pack({}, larger);
  EXPECT_EQ(text_with<ShapeError>(&packed),
            "Conv2d 'up': packed weight for cpu.direct expected 288 bytes, got 432: it was packed for "
            "another layer");
}

TEST(PackedWeight, KernelsThatAreLaunchedWithoutOneSaySo) {
  ConvCase c(kLayer, Values::exact, 0);
  c.packed = {};
  ExecutionContext ctx;
  EXPECT_THROW(c.run("cpu.direct", ctx), StateError);
}

TEST(PackedWeight, ThePackingRowIsChosenByTableAndName) {
  const DeviceCaps cpu = device_caps(Device::cpu());
  EXPECT_EQ(kernels::packing_row(kLayer, cpu, "")->name, "cpu.direct");
  EXPECT_EQ(kernels::packing_row(kLayer, cpu, "cpu.reference"), nullptr);
  EXPECT_EQ(kernels::packing_row(kLayer, cpu, "cpu.unheard_of"), nullptr);
}

TEST(PackedWeight, IsTheSameFromAnyNumberOfThreads) {
  for (const ConvProblem& problem : random_problems(11, 60)) {
    const ConvCase c(problem, Values::exact, 4);
    const auto pack_on = [&](int threads) {
      return kernels::pack_weight(problem, c.weight, ExecutionContext({.num_threads = threads}));
    };
    const PackedWeight one = pack_on(1), three = pack_on(3);
    ASSERT_EQ(one.bytes(), three.bytes());
    const auto* a = one.data(one.sections()[0]);
    ASSERT_TRUE(std::equal(a, a + one.sections()[0].bytes, three.data(three.sections()[0])))
        << problem.to_string();
  }
}

TEST(ParallelFor, VisitsEachOnce) {
  for (const int threads : {1, 2, 7}) {
    for (const std::int64_t count : {0, 1, 5, 1000}) {
      std::vector<int> visits(static_cast<std::size_t>(count));
      kernels::cpu::parallel_for(threads, count,
                                 [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
      EXPECT_EQ(visits, std::vector<int>(static_cast<std::size_t>(count), 1));
    }
  }
}

TEST(IsFinite, FindsOneAmongMany) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    for (const std::int64_t at : {0, 65535, 65536, 199'999}) {
      Tensor weight = Tensor::full({200'000}, -65504.0);  // the largest that f16 holds
      EXPECT_TRUE(kernels::is_finite(weight.to(dtype), 3)) << dtype;
      for (const float value :
           {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), NAN}) {
        weight.data<float>()[static_cast<std::size_t>(at)] = value;
        EXPECT_FALSE(kernels::is_finite(weight.to(dtype), 3)) << dtype << ' ' << at << ' ' << value;
      }
    }
  }
  EXPECT_TRUE(kernels::is_finite(Tensor::zeros({0})));
  EXPECT_TRUE(kernels::is_finite(Tensor::full({3}, 1e-310, DType::f64)));
}

}  // namespace
}  // namespace upconv::test
