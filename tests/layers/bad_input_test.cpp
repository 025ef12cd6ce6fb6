#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/upconv.h>

// Public entries of layers/, given tensors that they cannot use. Run under AddressSanitizer.

namespace upconv::testing {

namespace {

using kernels::Activation;
using kernels::ActivationKind;
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

/// A prepared layer of 4 output channels, and tensors for it.
class ForwardActivated : public ::testing::Test {
 protected:
  ForwardActivated() {
    layer_.load(layer_.state_dict());
    layer_.prepare(ctx_);
  }
  template <class Thrown>
  std::string text(const Activation& activation) {
    return text_of<Thrown>([&] { layer_.forward_activated_into(x_, activation, y_, ctx_); });
  }

  ExecutionContext ctx_;
  Conv2d layer_{{.in_channels = 1, .out_channels = 4, .kernel_size = 1}};
  Tensor x_ = Tensor::zeros({1, 1, 2, 3});
  Tensor y_ = Tensor::zeros({1, 4, 2, 3});
};

TEST_F(ForwardActivated, SlopesMustBeThere) {
  EXPECT_EQ(text<ArgumentError>({.kind = ActivationKind::prelu}),
            "Conv2d: prelu has no slopes: set Activation::slopes to [1] or [4] of f32 on cpu");
}

TEST_F(ForwardActivated, SlopesMustBeOneOrOneForEachChannel) {
  const Tensor three = Tensor::zeros({3}), four = Tensor::zeros({4}), one = Tensor::zeros({1});
  EXPECT_EQ(text<ShapeError>({.kind = ActivationKind::prelu, .slopes = three}),
            "Conv2d: prelu's slopes expected [1], or [4] for 4 channels, got [3]");
  EXPECT_EQ(text<ShapeError>({.kind = ActivationKind::prelu, .slopes = Tensor::zeros({0})}),
            "Conv2d: prelu's slopes expected [1], or [4] for 4 channels, got [0]");
  EXPECT_EQ(text<Error>({.kind = ActivationKind::prelu, .slopes = four}), "(nothing was thrown)");
  EXPECT_EQ(text<Error>({.kind = ActivationKind::prelu, .slopes = one}), "(nothing was thrown)");
}

TEST_F(ForwardActivated, SlopesMustBeOfTheLayersTypeAndDevice) {
  const Tensor half = Tensor::zeros({4}, DType::f16), f32 = Tensor::zeros({4});
  EXPECT_EQ(text<DTypeError>({.kind = ActivationKind::prelu, .slopes = half}),
            "Conv2d: prelu's slopes expected f32, got f16[4] on cpu");
  const ConstTensorView elsewhere(f32.view().raw(), {{4}, DType::f32, Device::cuda(0)});
  EXPECT_EQ(text<DeviceError>({.kind = ActivationKind::prelu, .slopes = elsewhere}),
            "Conv2d: prelu's slopes expected on cpu, got f32[4] on cuda:0");
}

TEST_F(ForwardActivated, KindsMustBeKnown) {
  EXPECT_THAT(text<ArgumentError>({.kind = static_cast<ActivationKind>(77)}),
              HasSubstr("ActivationKind(77)"));
}

TEST_F(ForwardActivated, IsCheckedWithoutElementsToo) {
  x_ = Tensor::zeros({0, 1, 2, 3});
  y_ = Tensor::zeros({0, 4, 2, 3});
  EXPECT_THAT(text<ArgumentError>({.kind = ActivationKind::prelu}), HasSubstr("prelu has no slopes"));
  EXPECT_EQ(text<Error>({.kind = ActivationKind::relu}), "(nothing was thrown)");
}

TEST_F(ForwardActivated, ChecksInputAndOutput) {
  const auto run = [&](ConstTensorView x, TensorView y) { layer_.forward_activated_into(x, {}, y, ctx_); };
  EXPECT_THROW(run({}, y_), ArgumentError);
  EXPECT_THROW(run(x_, {}), ArgumentError);
  EXPECT_THROW(run(x_, x_), ShapeError);
  EXPECT_THROW(run(x_.to(DType::f16), y_), DTypeError);
}

TEST(BadInput, ForwardNeedsTensors) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 2});
  layer.load(layer.state_dict());
  layer.prepare(ctx);
  Tensor moved = Tensor::zeros({1, 1, 4, 5});
  const Tensor x = std::move(moved);
  EXPECT_EQ(text_of<ArgumentError>([&] { layer.forward(moved, ctx); }),
            "ConvTranspose2d: the input is not a tensor (undefined)");
  EXPECT_THROW(layer.forward({}, ctx), ArgumentError);
  EXPECT_THROW(layer.forward_into(x, {}, ctx), ArgumentError);
  EXPECT_THROW(layer.forward_to_size({}, 9, ctx), ArgumentError);
  EXPECT_THROW(layer.forward_to_size(x, {-1, -1}, ctx), ShapeError);
  Sequential empty;
  empty.prepare(ctx);
  EXPECT_THROW(empty.forward({}, ctx), ArgumentError);
  EXPECT_THROW(empty.forward_into(x, {}, ctx), ArgumentError);
}

TEST(BadInput, SpecsOfNoType) {
  const TensorSpec none{{1, 2, 4, 4}, static_cast<DType>(99), Device::cpu()};
  const Conv2d conv({.in_channels = 2, .out_channels = 1, .kernel_size = 3});
  EXPECT_THAT(text_of<DTypeError>([&] { conv.output_spec(none); }),
              HasSubstr("must be f32, f16 or bf16, got invalid"));
  EXPECT_THROW(ReLU().output_spec(none), DTypeError);
  EXPECT_THROW(conv.explain(none, ExecutionContext()), DTypeError);
  EXPECT_THROW(Linear({.in_features = 4, .out_features = 1}).to(static_cast<DType>(99)), DTypeError);
  EXPECT_THROW(ExecutionContext({.precision = static_cast<Precision>(9)}), ArgumentError);
}

// A tensor without elements may have sizes whose product nothing can hold.
TEST(BadInput, EmptyTensorsOfWildSizes) {
  constexpr std::int64_t kWild = std::int64_t{1} << 40;
  ExecutionContext ctx;
  Sequential net;
  net.append(BatchNorm2d({.num_features = 2})).append(PReLU()).append(ReLU());
  net.load(net.state_dict());
  net.prepare(ctx);
  const Tensor x = Tensor::zeros({0, 2, kWild, kWild});
  EXPECT_EQ(net.forward(x, ctx).shape(), x.shape());
  EXPECT_NO_THROW(static_cast<void>(net.explain(x.spec(), ctx)));
  PReLU slopes;
  slopes.load(slopes.state_dict());
  slopes.prepare(ctx);
  EXPECT_NO_THROW(slopes.forward(Tensor::zeros({kWild, kWild, 0}), ctx));
}

/// A network that registers a child past `append`, as any module may.
class OwnRegistration : public Sequential {
 public:
  OwnRegistration() {
    append(Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 1}));
    register_module("own", std::make_unique<ReLU>());
    append(Sigmoid());
  }
};

TEST(BadInput, ChildrenBesideAppendRunToo) {
  ExecutionContext ctx;
  OwnRegistration net;
  net.load(net.state_dict());
  net.prepare(ctx);
  const Tensor x = Tensor::zeros({1, 1, 2, 2});
  const Tensor y = net.forward(x, ctx);
  EXPECT_EQ(y.data<float>()[0], 0.5f);
}

// `{}` alone means the defaults, wherever options may be given.
TEST(NoOptions, MeanTheDefaults) {
  EXPECT_EQ(LeakyReLU({}).extra_repr(), "negative_slope=0.01");
  EXPECT_EQ(LeakyReLU({.negative_slope = 0.5}).extra_repr(), "negative_slope=0.5");
  EXPECT_EQ(PReLU({}).extra_repr(), "num_parameters=1");
  EXPECT_EQ(ReLU({}).extra_repr() + Sigmoid({}).extra_repr() + Tanh({}).extra_repr(), "");
  EXPECT_TRUE(Sequential({}).empty());
  EXPECT_EQ(ExecutionContext({}).device(), Device::cpu());
  EXPECT_TRUE(StateDict({}).empty());
  EXPECT_FALSE(Tensor({}).defined());
  EXPECT_EQ(Shape({}).rank(), 0);
  EXPECT_THROW(Conv2d({}), ArgumentError);
  EXPECT_THROW(ConvTranspose2d({}), ArgumentError);
  EXPECT_THROW(BatchNorm2d({}), ArgumentError);
  EXPECT_THROW(Linear({}), ArgumentError);
}

}  // namespace

}  // namespace upconv::testing
