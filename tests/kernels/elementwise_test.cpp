#include <bit>
#include <cmath>
#include <limits>

#include "epilogues.h"
#include "problems.h"
#include "targets.h"
#include <gtest/gtest.h>

#include <upconv/kernels/cpu/convert.h>
#include <upconv/kernels/pointwise.h>

namespace upconv::test {
namespace {

using kernels::ActivationKind;

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

/// A unit in the last place of `value` in a type with this many fraction bits.
double unit_of(double value, DType dtype) {
  const int bits = dtype == DType::f32 ? 23 : dtype == DType::f16 ? 10 : 7;
  const int least = dtype == DType::f16 ? -14 : -126;
  return std::ldexp(1.0, std::max(value == 0 ? least : std::ilogb(value), least) - bits);
}

/// Units in the last place by which a function may be off in f32: what activation-inl.h promises.
double units_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::silu:
    case ActivationKind::mish:
      return 3.5;
    case ActivationKind::softplus:
    case ActivationKind::tanhshrink:
      return 4.0;
    case ActivationKind::gelu:
      return 5.0;
    default:
      return 3.0;
  }
}

/// A context whose pointwise operator is the reference.
ExecutionContext reference_context() {
  return ExecutionContext({.num_threads = 1, .kernels = {{"pointwise", "cpu.reference"}}});
}

TEST(Pointwise, EveryRowActivationAndTypeIsAccurate) {
  std::mt19937 random(5);
  ExecutionContext reference = reference_context();
  for (const auto& row : kernels::pointwise_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx({.num_threads = 2});
      for (const DType dtype : kTypes) {
        for (const auto& [kind, name] : kernels::kActivationNames) {
          for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{3, 5, 1}, Shape{1, 2, 40000}}) {
            SCOPED_TRACE(testing::Message() << row.name << ' ' << hwy::TargetName(target) << ' ' << dtype
                                            << ' ' << name << ' ' << shape);
            Tensor x = random_tensor(shape, DType::f32, Values::normal, random);
            for (float& value : x.data<float>())
              value *= 4;
            if (dtype != DType::f32) x = x.to(dtype);
            const Tensor slopes = random_tensor({shape[1]}, dtype, Values::normal, random);
            const kernels::PointwiseProblem problem{
                .outer = shape[0], .channels = shape[1], .inner = shape[2], .dtype = dtype};
            kernels::Epilogue epilogue{.first = {.kind = kind, .a = 0.25f, .b = 1.5f}};
            if (kind == ActivationKind::prelu) epilogue.first.slopes = slopes;
            GuardedTensor y(shape, dtype);
            row.launch(problem, {.x = x, .epilogue = epilogue, .y = y.view()}, ctx);
            ASSERT_TRUE(y.guards_intact());
            Tensor expected = Tensor::empty(shape, dtype);
            kernels::pointwise(problem, {.x = x, .epilogue = epilogue, .y = expected}, "", reference);
            const std::vector<double> in = to_doubles(x), out = to_doubles(y.view()),
                                      wanted = to_doubles(expected);
            for (std::size_t i = 0; i < in.size(); ++i) {
              const double units = dtype == DType::f32 ? units_of(kind) : 1.0;
              ASSERT_TRUE((std::isnan(out[i]) && std::isnan(wanted[i])) || out[i] == wanted[i] ||
                          std::abs(out[i] - wanted[i]) <= units * unit_of(wanted[i], dtype))
                  << "x " << in[i] << ": " << out[i] << " for " << wanted[i];
            }
            Tensor in_place = x.clone();
            row.launch(problem, {.x = in_place, .epilogue = epilogue, .y = in_place}, ctx);
            EXPECT_TRUE(bit_equal(in_place, y.view())) << "in place";
          }
        }
      }
    }
  }
}

TEST(Pointwise, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {nan,     inf,   -inf,   0.0f,    -0.0f,  1e-30f,
                                     -1e-30f, 1e30f, -1e30f, -100.0f, -88.0f, 88.8f};
  const std::int64_t count = static_cast<std::int64_t>(values.size());
  ExecutionContext reference = reference_context();
  for (const auto& row : kernels::pointwise_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx;
      for (const auto& [kind, name] : kernels::kActivationNames) {
        if (kind == ActivationKind::prelu) continue;
        const Tensor x = Tensor::from<float>(values, {count});
        Tensor y = Tensor::empty({count}), wanted = Tensor::empty({count});
        const kernels::Epilogue epilogue{.first = {.kind = kind}};
        row.launch({.inner = count}, {.x = x, .epilogue = epilogue, .y = y}, ctx);
        kernels::pointwise({.inner = count}, {.x = x, .epilogue = epilogue, .y = wanted}, "", reference);
        for (std::size_t i = 0; i < values.size(); ++i) {
          const double expected = static_cast<double>(wanted.data<float>()[i]);
          const double actual = static_cast<double>(y.data<float>()[i]);
          if (std::isnan(expected)) {
            EXPECT_TRUE(std::isnan(actual)) << name;
          } else if (std::isinf(expected)) {
            EXPECT_EQ(actual, expected) << name << ' ' << values[i];
          } else {
            EXPECT_TRUE(std::abs(actual - expected) <= units_of(kind) * unit_of(expected, DType::f32))
                << name << ' ' << values[i] << ": " << actual << " for " << expected;
          }
        }
      }
    }
  }
}

/// All rungs, alone and together, on values of which every result is exact.
TEST(Pointwise, EveryRowAppliesEveryEpilogue) {
  std::mt19937 random(6);
  ExecutionContext reference = reference_context();
  const Shape kShapes[] = {{1, 1, 1}, {2, 3, 7}, {3, 5, 1}, {1, 2, 40000}, {2, 2, 600}};
  for (const auto& row : kernels::pointwise_rows(Device::Type::cpu)) {
    for (const std::int64_t target : runnable_targets()) {
      const ForcedTarget forced(target);
      ExecutionContext ctx({.num_threads = 2});
      std::size_t turn = 0;
      for (const kernels::EpilogueForm& form : exact_forms()) {
        const Shape& shape = kShapes[turn % std::size(kShapes)];
        const DType dtype = kTypes[turn++ % 3];
        const kernels::PointwiseProblem problem{
            .outer = shape[0], .channels = shape[1], .inner = shape[2], .dtype = dtype};
        const Tensor x = random_tensor(shape, dtype, Values::exact, random);
        const EpilogueCase one(form, shape[1], shape, dtype, Values::exact, random);
        const kernels::Epilogue epilogue = one.epilogue();
        GuardedTensor y(shape, dtype);
        Tensor expected = Tensor::empty(shape, dtype);
        row.launch(problem, {.x = x, .epilogue = epilogue, .y = y.view()}, ctx);
        kernels::pointwise(problem, {.x = x, .epilogue = epilogue, .y = expected}, "", reference);
        SCOPED_TRACE(testing::Message() << row.name << ' ' << hwy::TargetName(target) << ' '
                                        << problem.to_string() << form.to_string());
        ASSERT_TRUE(y.guards_intact());
        ASSERT_EQ(to_doubles(expected), to_doubles(y.view()));
        Tensor in_place = x.clone();
        row.launch(problem, {.x = in_place, .epilogue = epilogue, .y = in_place}, ctx);
        EXPECT_TRUE(bit_equal(in_place, y.view())) << "in place";
        if (!form.residual) continue;
        Tensor over_residual = one.residual.clone();
        kernels::Epilogue moved = epilogue;
        moved.residual = over_residual;
        row.launch(problem, {.x = x, .epilogue = moved, .y = over_residual}, ctx);
        EXPECT_TRUE(bit_equal(over_residual, y.view())) << "over the residual";
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
