#include <bit>
#include <cmath>
#include <limits>

#include "problems.h"
#include "targets.h"
#include <gtest/gtest.h>

#include <upconv/kernels/activation.h>
#include <upconv/kernels/channel_affine.h>
#include <upconv/kernels/cpu/convert.h>

namespace upconv::test {
namespace {

using kernels::ActivationKind;

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};
constexpr ActivationKind kKinds[] = {ActivationKind::none,       ActivationKind::relu,
                                     ActivationKind::leaky_relu, ActivationKind::prelu,
                                     ActivationKind::sigmoid,    ActivationKind::tanh};

double expected_activation(ActivationKind kind, double x, double slope) {
  switch (kind) {
    case ActivationKind::none:
      return x;
    case ActivationKind::relu:
      return x < 0 ? 0.0 : x;
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:
      return x < 0 ? x * slope : x;
    case ActivationKind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::tanh:
      return std::tanh(x);
  }
  return x;
}

/// A unit in the last place of `value` in a type with this many fraction bits.
double unit_of(double value, DType dtype) {
  const int bits = dtype == DType::f32 ? 23 : dtype == DType::f16 ? 10 : 7;
  const int least = dtype == DType::f16 ? -14 : -126;
  return std::ldexp(1.0, std::max(value == 0 ? least : std::ilogb(value), least) - bits);
}

TEST(Activation, EveryRowKindAndTypeIsAccurate) {
  std::mt19937 random(5);
  for (const auto& row : kernels::activation_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx({.num_threads = 2});
      for (const DType dtype : kTypes) {
        for (const ActivationKind kind : kKinds) {
          for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{3, 5, 1}, Shape{1, 2, 40000}}) {
            SCOPED_TRACE(testing::Message() << row.name << ' ' << hwy::TargetName(target) << ' ' << dtype
                                            << ' ' << name_of(kind) << ' ' << shape);
            Tensor x = random_tensor(shape, DType::f32, Values::normal, random);
            for (float& value : x.data<float>())
              value *= 4;
            if (dtype != DType::f32) x = x.to(dtype);
            const Tensor slopes = random_tensor({shape[1]}, dtype, Values::normal, random);
            const kernels::ActivationProblem problem{.kind = kind,
                                                     .outer = shape[0],
                                                     .channels = shape[1],
                                                     .inner = shape[2],
                                                     .slopes = shape[1],
                                                     .dtype = dtype};
            kernels::Activation activation{.kind = kind, .negative_slope = 0.25f};
            if (kind == ActivationKind::prelu) activation.slopes = slopes;
            GuardedTensor y(shape, dtype);
            row.launch(problem, {.x = x, .activation = activation, .y = y.view()}, ctx);
            ASSERT_TRUE(y.guards_intact());
            const std::vector<double> in = to_doubles(x), out = to_doubles(y.view()),
                                      factors = to_doubles(slopes);
            for (std::size_t i = 0; i < in.size(); ++i) {
              const std::size_t channel = i / static_cast<std::size_t>(shape[2]) % factors.size();
              const double expected =
                  expected_activation(kind, in[i], kind == ActivationKind::prelu ? factors[channel] : 0.25);
              const double units = dtype == DType::f32 ? 3.0 : 1.0;
              ASSERT_TRUE(std::abs(out[i] - expected) <= units * unit_of(expected, dtype))
                  << "x " << in[i] << ": " << out[i] << " for " << expected;
            }
            Tensor in_place = x.clone();
            row.launch(problem, {.x = in_place, .activation = activation, .y = in_place}, ctx);
            EXPECT_TRUE(bit_equal(in_place, y.view())) << "in place";
          }
        }
      }
    }
  }
}

TEST(Activation, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {nan,     inf,   -inf,   0.0f,    -0.0f,  1e-30f,
                                     -1e-30f, 1e30f, -1e30f, -100.0f, -88.0f, 88.8f};
  const std::int64_t count = static_cast<std::int64_t>(values.size());
  for (const auto& row : kernels::activation_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx;
      for (const ActivationKind kind : kKinds) {
        if (kind == ActivationKind::prelu) continue;
        const Tensor x = Tensor::from<float>(values, {count});
        Tensor y = Tensor::empty({count});
        row.launch({.kind = kind, .inner = count}, {.x = x, .activation = {.kind = kind}, .y = y}, ctx);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const double expected =
              expected_activation(kind, static_cast<double>(values[i]), static_cast<double>(0.01f));
          const double actual = static_cast<double>(y.data<float>()[i]);
          if (std::isnan(expected)) {
            EXPECT_TRUE(std::isnan(actual)) << name_of(kind);
          } else if (std::isinf(expected)) {
            EXPECT_EQ(actual, expected) << name_of(kind) << ' ' << values[i];
          } else {
            EXPECT_TRUE(std::abs(actual - expected) <= 3 * unit_of(expected, DType::f32))
                << name_of(kind) << ' ' << values[i] << ": " << actual << " for " << expected;
          }
        }
      }
    }
  }
}

TEST(ChannelAffine, EveryRowAndTypeIsAccurate) {
  std::mt19937 random(6);
  for (const auto& row : kernels::channel_affine_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx({.num_threads = 2});
      for (const DType dtype : kTypes) {
        for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{3, 5, 1}, Shape{1, 2, 40000}}) {
          const Tensor x = random_tensor(shape, dtype, Values::exact, random);
          const Tensor scale = random_tensor({shape[1]}, DType::f32, Values::exact, random);
          const Tensor shift = random_tensor({shape[1]}, DType::f32, Values::exact, random);
          const kernels::ChannelAffineProblem problem{
              .outer = shape[0], .channels = shape[1], .inner = shape[2], .dtype = dtype};
          GuardedTensor y(shape, dtype);
          row.launch(problem, {.x = x, .scale = scale, .shift = shift, .y = y.view()}, ctx);
          ASSERT_TRUE(y.guards_intact());
          Tensor expected = x.to(DType::f32);
          for (std::size_t i = 0; i < static_cast<std::size_t>(shape.numel()); ++i) {
            const std::size_t c = i / static_cast<std::size_t>(shape[2]) % static_cast<std::size_t>(shape[1]);
            float& value = expected.data<float>()[i];
            value = value * scale.data<float>()[c] + shift.data<float>()[c];
          }
          ASSERT_TRUE(bit_equal(expected.to(dtype), y.view())) << problem.to_string();
          Tensor in_place = x.clone();
          row.launch(problem, {.x = in_place, .scale = scale, .shift = shift, .y = in_place}, ctx);
          EXPECT_TRUE(bit_equal(in_place, y.view())) << "in place";
        }
      }
    }
  }
}

TEST(Convert, AgreesWithTheScalarTypesOnEveryTarget) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i)
    halves[i] = static_cast<std::uint16_t>(i);
  std::mt19937 random(7);
  std::vector<float> floats = {0.0f,
                               -0.0f,
                               65504.0f,
                               65519.0f,
                               65520.0f,
                               1e30f,
                               5.9604645e-8f,
                               2.9802322e-8f,
                               2.9802326e-8f,
                               6.1e-5f,
                               std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()};
  for (int i = 0; i < 200001; ++i)  // any bits; an odd count leaves a short vector
    floats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    for (const DType dtype : {DType::f16, DType::bf16}) {
      std::vector<float> widened(halves.size());
      kernels::cpu::convert_to_f32(dtype, halves.data(), static_cast<std::int64_t>(halves.size()),
                                   widened.data());
      std::vector<std::uint16_t> rounded(floats.size());
      kernels::cpu::convert_from_f32(floats.data(), static_cast<std::int64_t>(floats.size()), dtype,
                                     rounded.data());
      for (std::size_t i = 0; i < halves.size(); ++i) {
        const float expected = dtype == DType::f16 ? static_cast<float>(Float16::from_bits(halves[i]))
                                                   : static_cast<float>(BFloat16::from_bits(halves[i]));
        ASSERT_TRUE(std::bit_cast<std::uint32_t>(widened[i]) == std::bit_cast<std::uint32_t>(expected) ||
                    (std::isnan(widened[i]) && std::isnan(expected)))
            << dtype << ' ' << i;
      }
      for (std::size_t i = 0; i < floats.size(); ++i) {
        const std::uint16_t expected =
            dtype == DType::f16 ? Float16(floats[i]).bits : BFloat16(floats[i]).bits;
        ASSERT_EQ(rounded[i], expected) << dtype << ' ' << floats[i];
      }
    }
  }
}

}  // namespace
}  // namespace upconv::test
