#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>
#include <upconv/tests/kernels/problems.h>

// The operators are public: problems and operands that no kernel could compute are refused before one reads
// them.

namespace upconv::test {

namespace {

using ::testing::HasSubstr;

template <class Thrown>
std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Thrown& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

const kernels::ConvProblem kProblem{.n = 1, .ci = 2, .ih = 5, .iw = 6, .co = 4, .kh = 3, .kw = 3};

class ConvOperandsTest : public ::testing::Test {
 protected:
  /// What `convolution` throws when the operands are as `spoil` leaves them.
  template <class Thrown>
  std::string text(const std::function<void(kernels::ConvOperands&)>& spoil) {
    kernels::ConvOperands operands = case_.operands(y_);
    spoil(operands);
    return text_of<Thrown>([&] { kernels::convolution(kProblem, operands, {"Conv2d", "up"}, ctx_); });
  }

  ConvCase case_{kProblem, Values::exact, 0};
  Tensor y_ = Tensor::zeros(kProblem.y_shape());
  ExecutionContext ctx_;
};

TEST_F(ConvOperandsTest, MustBeThere) {
  EXPECT_EQ(text<Error>([](auto&) {}), "(nothing was thrown)");
  EXPECT_EQ(text<ArgumentError>([](auto& o) { o.x = {}; }), "Conv2d 'up': input is not a tensor (undefined)");
  EXPECT_THAT(text<ArgumentError>([](auto& o) { o.weight = {}; }), HasSubstr("weight is not a tensor"));
  EXPECT_THAT(text<ArgumentError>([](auto& o) { o.y = {}; }), HasSubstr("output is not a tensor"));
}

TEST_F(ConvOperandsTest, MustHaveTheProblemsShapes) {
  Tensor small = Tensor::zeros({1, 2, 5, 5});
  EXPECT_EQ(text<ShapeError>([&](auto& o) { o.x = small; }),
            "Conv2d 'up': input expected [1,2,5,6], got [1,2,5,5]");
  EXPECT_THAT(text<ShapeError>([&](auto& o) { o.weight = small; }), HasSubstr("weight expected [4,2,3,3]"));
  EXPECT_THAT(text<ShapeError>([&](auto& o) { o.epilogue.bias = small; }), HasSubstr("bias expected [4]"));
  EXPECT_THAT(text<ShapeError>([&](auto& o) { o.y = small; }), HasSubstr("output expected [1,4,3,4]"));
}

TEST_F(ConvOperandsTest, MustHaveTheProblemsTypeAndDevice) {
  const Tensor half = case_.x.to(DType::f16);
  EXPECT_EQ(text<DTypeError>([&](auto& o) { o.x = half; }),
            "Conv2d 'up': input expected f32, got f16[1,2,5,6] on cpu");
  const ConstTensorView elsewhere(case_.x.view().raw(), {kProblem.x_shape(), DType::f32, Device::cuda(0)});
  EXPECT_EQ(text<DeviceError>([&](auto& o) { o.x = elsewhere; }),
            "Conv2d 'up': input expected on cpu, got f32[1,2,5,6] on cuda:0");
  EXPECT_THAT(text<ArgumentError>(
                  [&](auto& o) { o.y = TensorView(const_cast<void*>(o.x.raw()), {kProblem.y_shape()}); }),
              HasSubstr("input and output overlap in memory"));
}

TEST_F(ConvOperandsTest, ActivationsMustFit) {
  using kernels::ActivationKind;
  const Tensor three = Tensor::zeros({3}), half = Tensor::zeros({4}, DType::f16),
               square = Tensor::zeros({2, 2});
  EXPECT_EQ(text<ArgumentError>([](auto& o) { o.epilogue.first = {.kind = ActivationKind::prelu}; }),
            "Conv2d 'up': prelu has no slopes: set Activation::slopes to [1] or [4] of f32 on cpu");
  EXPECT_EQ(
      text<ShapeError>([&](auto& o) { o.epilogue.first = {.kind = ActivationKind::prelu, .slopes = three}; }),
      "Conv2d 'up': prelu's slopes expected [1], or [4] for 4 channels, got [3]");
  EXPECT_THROW(text<DTypeError>(
                   [&](auto& o) { o.epilogue.first = {.kind = ActivationKind::prelu, .slopes = square}; }),
               ShapeError);
  EXPECT_EQ(
      text<DTypeError>([&](auto& o) { o.epilogue.first = {.kind = ActivationKind::prelu, .slopes = half}; }),
      "Conv2d 'up': prelu's slopes expected f32, got f16[4] on cpu");
  EXPECT_THAT(
      text<ArgumentError>([](auto& o) { o.epilogue.first = {.kind = static_cast<ActivationKind>(77)}; }),
      HasSubstr("ActivationKind(77) is no activation"));
}

TEST_F(ConvOperandsTest, WeightsAreCheckedWherePacked) {
  EXPECT_THAT(text_of<ArgumentError>([] { kernels::pack_weight(kProblem, {}, Device::cpu()); }),
              HasSubstr("conv2d: weight is not a tensor"));
  EXPECT_THROW(kernels::pack_weight(kProblem, case_.x, Device::cpu()), ShapeError);
  EXPECT_THROW(kernels::pack_weight(kProblem, case_.weight.to(DType::f64), Device::cpu()), DTypeError);
  EXPECT_THROW(kernels::is_finite({}), ArgumentError);
  kernels::ConvProblem none = kProblem;
  none.groups = 0;
  EXPECT_THROW(kernels::pack_weight(none, case_.weight, Device::cpu()), ArgumentError);
}

/// Problems that would divide by zero, overflow, or select a kernel by an unknown enumerator.
std::vector<kernels::ConvProblem> impossible_convolutions() {
  std::vector<kernels::ConvProblem> problems(7, kProblem);
  problems[0].groups = 0;
  problems[1].stride_w = 0;
  problems[2].ih = -1;
  problems[3].dilation_h = std::int64_t{1} << 62;
  problems[4].padding_mode = static_cast<kernels::PaddingMode>(9);
  problems[5].dtype = DType::i64;
  problems[6].dtype = static_cast<DType>(99);
  return problems;
}

TEST(BadProblems, Convolutions) {
  const ExecutionContext ctx;
  const auto rows = kernels::convolution_rows(Device::Type::cpu);
  for (const kernels::ConvProblem& problem : impossible_convolutions()) {
    SCOPED_TRACE(problem.to_string());
    ExecutionContext own;
    EXPECT_THROW(kernels::convolution(problem, {}, "test", own), Error);
    EXPECT_THROW(kernels::select("conv2d", rows, problem, ctx.caps(), ""), Error);
    EXPECT_THROW(kernels::explain("conv2d", rows, problem, ctx), Error);
  }
  EXPECT_THAT(text_of<ArgumentError>([] { kernels::validate(impossible_convolutions()[4]); }),
              HasSubstr("PaddingMode(9) is no padding mode"));
}

TEST(BadProblems, DeviceTypes) {
  constexpr auto kNone = static_cast<Device::Type>(5);
  EXPECT_THAT(text_of<DeviceError>([] { kernels::convolution_rows(kNone); }),
              HasSubstr("Device::Type(5) is no device"));
  EXPECT_THROW(kernels::linear_rows(kNone), DeviceError);
  EXPECT_THROW(kernels::pointwise_rows(kNone), DeviceError);
}

TEST(BadOperands, Linear) {
  const kernels::LinearProblem problem{.rows = 2, .in_features = 3, .out_features = 4};
  const Tensor x = Tensor::zeros({2, 3}), weight = Tensor::zeros({4, 3});
  Tensor y = Tensor::zeros({2, 4});
  ExecutionContext ctx;
  const auto run = [&](const kernels::LinearOperands& operands) {
    kernels::linear(problem, operands, "Linear", ctx);
  };
  EXPECT_NO_THROW(run({.x = x, .weight = weight, .bias = {}, .y = y}));
  EXPECT_THAT(text_of<ArgumentError>([&] { run({}); }), HasSubstr("Linear: input is not a tensor"));
  EXPECT_THAT(text_of<ShapeError>([&] { run({.x = x, .weight = x, .bias = {}, .y = y}); }),
              HasSubstr("weight expected [4,3], got [2,3]"));
  EXPECT_THAT(text_of<ShapeError>([&] { run({.x = x, .weight = weight, .bias = x, .y = y}); }),
              HasSubstr("bias expected [4]"));
  EXPECT_THROW(run({.x = x, .weight = weight, .bias = {}, .y = {}}), ArgumentError);
  EXPECT_THROW(run({.x = x.to(DType::f16), .weight = weight, .bias = {}, .y = y}), DTypeError);
  EXPECT_THROW(kernels::linear({.rows = -1}, {}, "Linear", ctx), ShapeError);
  constexpr std::int64_t kWide = std::int64_t{1} << 40;
  EXPECT_THROW(kernels::linear({.rows = kWide, .in_features = 1, .out_features = kWide}, {}, "Linear", ctx),
               ShapeError);
  EXPECT_THROW(kernels::linear({.dtype = DType::f64}, {}, "Linear", ctx), DTypeError);
}

TEST(BadOperands, Pointwise) {
  Tensor x = Tensor::zeros({2, 3});
  const Tensor scale = Tensor::zeros({3}), other = Tensor::zeros({2, 4});
  ExecutionContext ctx;
  const kernels::PointwiseProblem problem{.outer = 2, .channels = 3};
  const auto run = [&](const kernels::Epilogue& epilogue) {
    kernels::pointwise(problem, {.x = x, .epilogue = epilogue, .y = x}, "Norm", ctx);
  };
  using Activation = kernels::Activation;
  EXPECT_NO_THROW(run({.scale = scale, .shift = scale}));
  EXPECT_THAT(text_of<ArgumentError>([&] { run({.scale = scale}); }),
              HasSubstr("Norm: an epilogue has scale and"));
  EXPECT_THAT(text_of<ShapeError>([&] { run({.bias = other}); }),
              HasSubstr("Norm: bias expected [3], got [2,4]"));
  EXPECT_THAT(text_of<ShapeError>([&] { run({.residual = other}); }),
              HasSubstr("Norm: residual expected 6 elements"));
  EXPECT_THROW(run({.residual = Tensor::zeros({2, 3}, DType::f16)}), DTypeError);
  EXPECT_NO_THROW(run({.first = Activation{.kind = kernels::ActivationKind::relu}}));
  EXPECT_THAT(
      text_of<ArgumentError>([&] { run({.second = Activation{.kind = kernels::ActivationKind::prelu}}); }),
      HasSubstr("Norm: prelu has no slopes"));
  EXPECT_THROW(run({.first = Activation{.kind = kernels::ActivationKind::prelu, .slopes = other}}),
               ShapeError);
  EXPECT_THROW(run({.first = Activation{.kind = static_cast<kernels::ActivationKind>(77)}}), ArgumentError);
  EXPECT_THROW(kernels::pointwise(problem, {.x = scale, .y = x}, "Norm", ctx), ShapeError);
  EXPECT_THROW(kernels::pointwise(problem, {.x = {}, .y = x}, "Norm", ctx), ArgumentError);
  EXPECT_THROW(kernels::pointwise({.outer = -2, .channels = 3}, {}, "Norm", ctx), ShapeError);
  EXPECT_THROW(kernels::pointwise({.dtype = DType::f64}, {}, "Norm", ctx), DTypeError);
}

/// A problem string can say every type and mode that there is, and reads back as it was.
TEST(ProblemStrings, KnowEveryEnumerator) {
  for (int dtype = 0; name_of(static_cast<DType>(dtype)) != "invalid"; ++dtype) {
    for (int precision = 0; name_of(static_cast<Precision>(precision)) != "invalid"; ++precision) {
      for (int mode = 0; kernels::name_of(static_cast<kernels::PaddingMode>(mode)) != "invalid"; ++mode) {
        kernels::ConvProblem problem = kProblem;
        problem.dtype = static_cast<DType>(dtype);
        problem.padding_mode = static_cast<kernels::PaddingMode>(mode);
        if (!is_compute_dtype(problem.dtype)) continue;
        if (problem.dtype == DType::f32) problem.precision = static_cast<Precision>(precision);
        EXPECT_EQ(kernels::ConvProblem::parse(problem.to_string()), problem) << problem.to_string();
      }
    }
  }
}

}  // namespace

}  // namespace upconv::test
