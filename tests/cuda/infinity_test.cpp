#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "cuda/support.h"
#include <gmock/gmock.h>

// Infinities come out as infinities and NaNs as NaNs, in every mode of every row. Other values are k/16, so
// that all outputs must be the reference's bit for bit.

namespace upconv::test {
namespace {

using kernels::ActivationKind;
using kernels::ConvProblem;
using kernels::ConvRow;
using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// A way to put what is not finite among the elements of an operand.
struct Pattern {
  const char* name;
  std::function<void(std::span<float>)> put;
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> kPatterns = {
      {"one", [](std::span<float> x) { x[x.size() / 2] = -kInf; }},
      {"corners",
       [](std::span<float> x) {
         x.front() = kInf;
         x[x.size() / 3] = kNan;
         x.back() = -kInf;
       }},
      {"some",
       [](std::span<float> x) {
         for (std::size_t i = 5; i < x.size(); i += 97)
           x[i] = i % 2 == 0 ? kInf : -kInf;
       }},
      {"all", [](std::span<float> x) { std::ranges::fill(x, kInf); }},
      {"nan", [](std::span<float> x) { x[x.size() / 2] = kNan; }}};
  return kPatterns;
}

/// Few channels and a flat kernel first; strips, groups, even and high kernels, one chunk and several, a
/// matrix product, and a stride.
std::vector<ConvProblem> problems() {
  std::vector<ConvProblem> result;
  for (const char* text : {"n1ci13ih9iw20co8kh1kw7_s1x1_p0x3_zeros_d1x1_g1_f32",
                           "n1ci13ih9iw20co8kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
                           "n2ci20ih14iw150co40kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                           "n1ci16ih12iw70co12kh2kw3_s1x1_p1x1_zeros_d1x1_g2_f32",
                           "n1ci8ih20iw33co24kh7kw5_s1x1_p3x2_op0x0_d1x1_g1_f32",
                           "n1ci4ih5iw6co5kh4kw4_s1x1_p2x1_op0x0_d1x1_g1_f32",
                           "n2ci12ih40iw9co9kh3kw1_s1x1_p1x0_zeros_d1x1_g1_f32",
                           "n1ci40ih26iw136co33kh5kw6_s1x1_p2x2_zeros_d1x1_g1_f32",
                           "n2ci64ih9iw13co16kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
                           "n1ci6ih7iw9co5kh3kw3_s2x2_p1x1_op1x1_d1x1_g1_f32"})
    result.push_back(ConvProblem::parse(text));
  return result;
}

Tensor reference(const ConvProblem& p, const GpuConvolution::Host& host) {
  ExecutionContext cpu({.kernels = {{"conv_transpose2d", "cpu.reference"}, {"conv2d", "cpu.reference"}}});
  const auto packed = kernels::pack_weight(p, host.weight, cpu.device());
  Tensor y = Tensor::empty(p.y_shape(), p.dtype);
  kernels::ConvOperands operands{.x = host.x,
                                 .weight = host.weight,
                                 .packed_weight = &packed,
                                 .epilogue = {.bias = {}, .first = host.activation},
                                 .y = y};
  if (host.bias.defined()) operands.epilogue.bias = host.bias;
  if (host.slopes.defined()) operands.epilogue.first.slopes = host.slopes;
  kernels::convolution(p, operands, "", cpu);
  return y;
}

class CudaInfinity : public Gpu {
 protected:
  Tensor exact(const Shape& shape) { return random_tensor(shape, DType::f32, Values::exact, random_); }

  GpuConvolution::Host operands(const ConvProblem& p, const Tensor& x, const Tensor& w, ActivationKind kind) {
    return {.x = x.to(p.dtype),
            .weight = w.to(p.dtype),
            .bias = exact({p.co}).to(p.dtype),
            .slopes = kind == ActivationKind::prelu ? random_slopes(p.co, p.dtype, random_) : Tensor(),
            .activation = {.kind = kind, .a = 0.125f}};
  }

  /// Every row that takes the problem, in every precision of its type.
  void check(ConvProblem p, const GpuConvolution::Host& host) {
    ExecutionContext ctx({.device = Device::cuda(0)});
    p.finite_weight = kernels::is_finite(host.weight);
    const Tensor expected = reference(p, host);
    const GpuConvolution gpu(p, host, 1);
    for (const Precision precision : {Precision::fp32, Precision::tf32}) {
      if (precision == Precision::tf32 && p.dtype != DType::f32) continue;
      p.precision = precision;
      for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
        if (!row.supports(p, ctx.caps()).supported) continue;
        SCOPED_TRACE(message(row.name, ' ', p.op(), ' ', p.to_string(), ' ', name_of(host.activation.kind)));
        const Tensor y = gpu.run(row, p, ctx);
        EXPECT_TRUE(exactly_equal(y, expected));
        EXPECT_TRUE(same_bits(gpu.run(row, p, ctx), y)) << "a second run gave other bits";
      }
    }
  }

  Random random_{31};
};

TEST_F(CudaInfinity, InputsThatAreNotFiniteGiveWhatAPlainLoopGives) {
  int turn = 0;
  const std::vector<ConvProblem> all = problems();
  for (std::size_t i = 0; i < all.size(); i += every()) {
    for (const DType dtype : kComputeDTypes) {
      for (const Pattern& pattern : patterns()) {
        SCOPED_TRACE(pattern.name);
        ConvProblem p = all[i];
        p.dtype = dtype;
        Tensor x = exact(p.x_shape());
        pattern.put(x.data<float>());
        // none, relu, leaky_relu, prelu
        check(p, operands(p, x, exact(p.weight_shape()), static_cast<ActivationKind>(turn++ % 4)));
      }
    }
  }
}

/// Weights of which one channel's are tiny: fp32 on Hopper computes with three bf16 numbers then.
TEST_F(CudaInfinity, WeightsOfAWideRangeMakeNoDifference) {
  for (const ConvProblem& p : problems()) {
    for (const Pattern& pattern : patterns()) {
      SCOPED_TRACE(pattern.name);
      Tensor x = exact(p.x_shape()), w = exact(p.weight_shape());
      pattern.put(x.data<float>());
      const auto weights = w.data<float>();
      const std::size_t taps = static_cast<std::size_t>(p.kh * p.kw);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::size_t channel = p.transposed ? i / taps % static_cast<std::size_t>(p.co_per_group())
                                                 : i / (taps * static_cast<std::size_t>(p.ci_per_group()));
        if (channel == 0) weights[i] *= 0x1p-40f;
      }
      GpuConvolution::Host host = operands(p, x, w, ActivationKind::none);
      host.bias = {};
      check(p, host);
    }
  }
}

TEST_F(CudaInfinity, WeightsThatAreNotFiniteMeetNoPadding) {
  for (const ConvProblem& problem : problems()) {
    for (const DType dtype : kComputeDTypes) {
      for (const Pattern& pattern : patterns()) {
        SCOPED_TRACE(pattern.name);
        ConvProblem p = problem;
        p.dtype = dtype;
        Tensor w = exact(p.weight_shape());
        pattern.put(w.data<float>());
        check(p, operands(p, exact(p.x_shape()), w, ActivationKind::relu));
      }
    }
  }
}

/// A layer looks at its weights when it is prepared.
TEST_F(CudaInfinity, ALayerOfWeightsThatAreNotFiniteTakesARowThatSkipsPadding) {
  ConvTranspose2d layer({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = 1});
  StateDict weights;
  Tensor w = exact({16, 16, 3, 3}), b = exact({16});
  w.data<float>()[40] = kInf;
  const GpuConvolution::Host host{.x = exact({1, 16, 12, 13}), .weight = w.clone(), .bias = b.clone()};
  weights.insert("weight", std::move(w));
  weights.insert("bias", std::move(b));
  layer.load(weights);
  ExecutionContext ctx({.device = Device::cuda(0)});
  layer.prepare(ctx);
  const Tensor x = host.x.to(ctx.device());
  EXPECT_THAT(layer.explain(x.spec(), ctx), HasSubstr("> cuda.plain"));
  EXPECT_THAT(layer.explain(x.spec(), ctx), HasSubstr("some weights are infinite or NaN"));
  ConvProblem p = ConvProblem::parse("n1ci16ih12iw13co16kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32");
  EXPECT_TRUE(exactly_equal(layer.forward(x, ctx).to(Device::cpu()), reference(p, host)));
}

TEST(CudaInfinitySelection, KernelsThatMultiplyPaddingTakeFiniteWeights) {
  for (const int capability : {80, 90}) {
    for (const ConvProblem& problem : problems()) {
      for (const DType dtype : kComputeDTypes) {
        ConvProblem p = problem;
        p.dtype = dtype;
        p.finite_weight = false;
        for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
          if (row.name.find("direct") == std::string_view::npos) continue;
          EXPECT_FALSE(row.supports(p, gpu_of(capability, 227)).supported) << row.name << p.to_string();
        }
      }
    }
  }
  ConvProblem p = problems()[0];
  if (is_built("direct_mma")) {
    EXPECT_NE(selected(p.to_string(), gpu_of(90, 227)), "cuda.plain");
  }
  p.finite_weight = false;
  EXPECT_EQ(p.to_string(), "n1ci13ih9iw20co8kh1kw7_s1x1_p0x3_zeros_d1x1_g1_f32_nonfinite");
  EXPECT_EQ(ConvProblem::parse(p.to_string()), p);
  EXPECT_EQ(selected(p.to_string(), gpu_of(90, 227)), "cuda.plain");
}

TEST(CudaInfinitySelection, AWeightIsLookedAtInItsType) {
  for (const DType dtype : kComputeDTypes) {
    for (const double value : {0.0, -65504.0, double{kInf}, -double{kInf}, double{kNan}}) {
      Tensor w = Tensor::full({3, 5}, 1.0);
      w.data<float>()[7] = static_cast<float>(value);
      EXPECT_EQ(kernels::is_finite(w.to(dtype)), std::isfinite(value)) << value << ' ' << dtype;
    }
  }
}

}  // namespace
}  // namespace upconv::test
