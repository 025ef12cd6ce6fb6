#include <cmath>
#include <functional>

#include <gmock/gmock.h>

#include <upconv/framework/message.h>
#include <upconv/upconv.h>

// What a convolution's epilogue takes over, and that it computes what the calls compute one after the other.

namespace upconv::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A convolution, a normalisation and slopes, for forwards that are written in a test.
class Parts : public Network {
 public:
  using Forward = std::function<Value(const Parts&, Value)>;

  explicit Parts(Forward forward, DType dtype = DType::f32)
      : Network("Parts"),
        conv(add("conv", Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}))),
        up(add("up", ConvTranspose2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}))),
        norm(add("norm", BatchNorm2d({.num_features = 4}))),
        slopes(add("slopes", PReLU({.num_parameters = 4}))),
        forward_(std::move(forward)) {
    initialize(5);
    StateDict state;
    state.insert("norm.weight", Tensor::from<float>(std::vector{0.5f, 2.0f, -1.0f, 3.0f}, {4}));
    state.insert("norm.bias", Tensor::from<float>(std::vector{0.25f, -1.0f, 1.0f, 0.0f}, {4}));
    state.insert("norm.running_mean", Tensor::from<float>(std::vector{0.1f, -0.2f, 0.3f, 0.0f}, {4}));
    state.insert("norm.running_var", Tensor::from<float>(std::vector{1.0f, 0.5f, 2.0f, 0.25f}, {4}));
    load(state, {.strict = false});
    to(dtype);
  }
  Value forward(Value x) const override { return forward_(*this, x); }
  using Network::forward;

  Conv2d& conv;
  ConvTranspose2d& up;
  BatchNorm2d& norm;
  PReLU& slopes;

 private:
  Forward forward_;
};

Tensor input(DType dtype) {
  Tensor x = Tensor::empty({2, 4, 9, 21});
  float value = -1.7f;
  for (float& element : x.data<float>())
    element = value = std::fmod(value * 1.31f + 0.377f, 2.0f);
  return x.to(dtype);
}

/// Runs the forward fused and not, and compares; returns what `explain` says of the fused plan.
std::string check(const Parts::Forward& forward, DType dtype = DType::f32) {
  Parts net(forward, dtype);
  ExecutionContext fused, apart({.planning = {.fuse = false}});
  net.prepare(fused);
  const Tensor x = input(dtype);
  const Tensor got = net(x, fused).to(DType::f32);
  const Tensor wanted = net(x, apart).to(DType::f32);
  // The runs round at different places: a few units of the type, of values up to 8.
  const float unit = dtype == DType::f32 ? 0x1p-19f : dtype == DType::f16 ? 0x1p-6f : 0x1p-3f;
  for (std::size_t i = 0; i < got.data<float>().size(); ++i)
    EXPECT_NEAR(got.data<float>()[i], wanted.data<float>()[i], unit) << i;
  return net.explain(x.spec(), fused);
}

TEST(Fusion, EveryLadderIsOneStep) {
  const std::pair<const char*, Parts::Forward> kLadders[] = {
      {"Conv2d 'conv' + BatchNorm2d 'norm' + relu",
       [](const Parts& p, Value x) { return relu(p.norm(p.conv(x))); }},
      {"ConvTranspose2d 'up' + PReLU 'slopes'", [](const Parts& p, Value x) { return p.slopes(p.up(x)); }},
      {"Conv2d 'conv' + mul + add", [](const Parts& p, Value x) { return p.conv(x) * 0.2 + x; }},
      {"Conv2d 'conv' + BatchNorm2d 'norm' + relu + mul + add + add + tanh",
       [](const Parts& p, Value x) { return tanh(x + (relu(p.norm(p.conv(x))) * 0.5 + 1.0)); }},
      {"Conv2d 'conv' + sub + PReLU 'slopes'",
       [](const Parts& p, Value x) { return p.slopes(x - p.conv(x)); }},
      {"ConvTranspose2d 'up' + sub", [](const Parts& p, Value x) { return p.up(x) - x; }},
      {"Conv2d 'conv' + relu + sigmoid", [](const Parts& p, Value x) { return sigmoid(relu(p.conv(x))); }},
      {"BatchNorm2d 'norm' + leaky_relu + add",
       [](const Parts& p, Value x) { return leaky_relu(p.norm(x), 0.1) + x; }},
  };
  for (const auto& [steps, forward] : kLadders) {
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      SCOPED_TRACE(message(steps, ' ', dtype));
      const std::string text = check(forward, dtype);
      EXPECT_THAT(text, HasSubstr("in 1 step"));
      EXPECT_THAT(text, HasSubstr(steps));
    }
  }
}

/// Every function of one number follows a convolution in its step, as a layer does.
TEST(Fusion, EveryFunctionOfOneNumberJoinsAConvolution) {
  using V = const Value&;
  const std::pair<const char*, std::function<Value(V)>> kFunctions[] = {
      {"relu6", [](V x) { return relu6(x); }},
      {"hardtanh", [](V x) { return hardtanh(x); }},
      {"clamp", [](V x) { return clamp(x, -0.5); }},
      {"rrelu", [](V x) { return rrelu(x); }},
      {"elu", [](V x) { return elu(x, 0.5); }},
      {"celu", [](V x) { return celu(x, 2.0); }},
      {"selu", [](V x) { return selu(x); }},
      {"gelu", [](V x) { return gelu(x); }},
      {"gelu", [](V x) { return gelu(x, GELUApproximate::tanh); }},
      {"silu", [](V x) { return silu(x); }},
      {"mish", [](V x) { return mish(x); }},
      {"softplus", [](V x) { return softplus(x); }},
      {"softsign", [](V x) { return softsign(x); }},
      {"hardswish", [](V x) { return hardswish(x); }},
      {"hardsigmoid", [](V x) { return hardsigmoid(x); }},
      {"logsigmoid", [](V x) { return logsigmoid(x); }},
      {"tanhshrink", [](V x) { return tanhshrink(x); }},
      {"softshrink", [](V x) { return softshrink(x, 0.25); }},
      {"abs", [](V x) { return abs(x); }},
      {"exp", [](V x) { return exp(clamp(x, -4.0, 2.0)); }},
      {"square", [](V x) { return square(clamp(x, -2.0, 2.0)); }},
      {"pow", [](V x) { return pow(clamp(x, -1.5, 1.5), 3.0); }},
      {"sin", [](V x) { return sin(x); }},
      {"cos", [](V x) { return cos(x); }},
      {"sqrt", [](V x) { return sqrt(abs(x) + 1.0); }},
      {"rsqrt", [](V x) { return rsqrt(abs(x) + 1.0); }},
      {"log", [](V x) { return log(abs(x) + 1.0); }},
      {"reciprocal", [](V x) { return reciprocal(abs(x) + 1.0); }},
  };
  for (const auto& [name, function] : kFunctions) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      SCOPED_TRACE(message(name, ' ', dtype));
      const std::string text =
          check([&f = function](const Parts& p, Value x) { return f(p.norm(p.conv(x))); }, dtype);
      EXPECT_THAT(text, HasSubstr("in 1 step"));
      EXPECT_THAT(text, HasSubstr(name));
    }
  }
}

/// Behind a rung, and before one.
TEST(Fusion, FunctionsStandOnBothRungsOfALadder) {
  const std::string text =
      check([](const Parts& p, Value x) { return hardswish(gelu(p.conv(x)) * 0.5 + x); });
  EXPECT_THAT(text, HasSubstr("Conv2d 'conv' + gelu + mul + add + hardswish"));
}

/// A gate is a product of two halves: nothing of it rides in a convolution.
TEST(Fusion, GluIsCutsAndAProduct) {
  const std::string text = check([](const Parts& p, Value x) { return glu(p.conv(x), 1); });
  EXPECT_THAT(text, HasSubstr("sigmoid"));
  EXPECT_THAT(text, HasSubstr("mul"));
}

TEST(Fusion, WhatDoesNotFitIsAStepAndSaysWhy) {
  const std::pair<const char*, Parts::Forward> kCases[] = {
      {"a normalisation must come first", [](const Parts& p, Value x) { return p.norm(relu(p.conv(x))); }},
      {"there are two activations before it",
       [](const Parts& p, Value x) { return tanh(relu(relu(p.conv(x)))); }},
      {"an epilogue adds one tensor", [](const Parts& p, Value x) { return (p.conv(x) + x) + x; }},
      {"factors must come before a residual", [](const Parts& p, Value x) { return (p.conv(x) + x) * 0.5; }},
      {"a product and a sum with numbers are there",
       [](const Parts& p, Value x) { return (p.conv(x) + 1.0) * 0.5; }},
      {"its operand is read 2 times",
       [](const Parts& p, Value x) {
         Value y = p.conv(x);
         return relu(y) + y;
       }},
  };
  for (const auto& [why, forward] : kCases) {
    SCOPED_TRACE(why);
    const std::string text = check(forward);
    EXPECT_THAT(text, Not(HasSubstr("in 1 step")));
    EXPECT_THAT(text, HasSubstr(why));
  }
}

/// A residual of another shape is broadcast, which an epilogue does not do.
TEST(Fusion, BroadcastSumsStayApart) {
  const std::string text =
      check([](const Parts& p, Value x) { return p.conv(x) + adaptive_avg_pool2d(x, {}); });
  EXPECT_THAT(text, HasSubstr("in 3 steps"));
}

}  // namespace
}  // namespace upconv::test
