#include <numeric>

#include <gmock/gmock.h>

#include <upconv/upconv.h>

// Layers that move elements, a network's own parameters in its forward, and means over images.

namespace upconv::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor counting(const Shape& shape) {
  Tensor x = Tensor::empty(shape);
  std::iota(x.data<float>().begin(), x.data<float>().end(), 0.0f);
  return x;
}

template <class Layer>
Tensor run(Layer layer, const Tensor& x) {
  ExecutionContext ctx;
  layer.prepare(ctx);
  return layer(x, ctx);
}

std::vector<float> values(const Tensor& y) {
  return {y.data<float>().begin(), y.data<float>().end()};
}

TEST(MovementLayers, MoveAsPyTorchDoes) {
  const Tensor x = counting({1, 4, 1, 2});
  const Tensor shuffled = run(PixelShuffle({.upscale_factor = 2}), x);
  EXPECT_EQ(shuffled.shape(), (Shape{1, 1, 2, 4}));
  EXPECT_THAT(values(shuffled), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_EQ(values(run(PixelUnshuffle({.downscale_factor = 2}), shuffled)), values(x));
  EXPECT_THAT(values(run(ChannelShuffle({.groups = 2}), x)), ElementsAre(0, 1, 4, 5, 2, 3, 6, 7));
  EXPECT_EQ(run(Flatten(), x).shape(), (Shape{1, 8}));
  EXPECT_EQ(run(Flatten({.start_dim = 0, .end_dim = 2}), x).shape(), (Shape{4, 2}));
  EXPECT_EQ(run(Unflatten({.dim = 1, .unflattened_size = {2, -1}}), x).shape(), (Shape{1, 2, 2, 1, 2}));
  EXPECT_EQ(values(run(Identity(), x)), values(x));
  EXPECT_EQ(values(run(Dropout({.p = 0.9}), x)), values(x));
}

TEST(MovementLayers, RefuseWhatPyTorchRefuses) {
  EXPECT_THROW(run(PixelShuffle({.upscale_factor = 3}), counting({1, 4, 1, 2})), ShapeError);
  EXPECT_THROW(run(ChannelShuffle({.groups = 3}), counting({1, 4, 1, 2})), ShapeError);
  try {
    Dropout2d({.p = 1.5});
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_STREQ(error.what(), "Dropout2d: dropout probability has to be between 0 and 1, but got 1.5");
  }
}

/// Between layers they cost nothing.
TEST(MovementLayers, AreNoStepsOfAPlan) {
  Sequential net;
  net.append(ReLU()).append(Dropout()).append(Identity()).append(Flatten()).append(Tanh());
  const std::string text = net.explain({.shape = {2, 3, 4, 5}}, ExecutionContext());
  EXPECT_THAT(text, HasSubstr("Tanh"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("Flatten 'x'")));
  EXPECT_EQ(run(std::move(net), counting({2, 3, 4, 5})).shape(), (Shape{2, 60}));
}

/// y = x * scale + shift, as layer scale and ConvNeXt's gamma are written.
class Scaled : public Network {
 public:
  Scaled()
      : Network("Scaled"),
        scale_(register_parameter("scale", {3, 1, 1}, 2.0)),
        shift_(register_buffer("shift", {1}, 0.5)) {}
  Value forward(Value x) const override { return x * value_of(scale_, x) + value_of(shift_, x); }
  using Network::forward;

 private:
  ParameterId scale_, shift_;
};

TEST(ParametersInForward, AreLoadedPreparedAndUsed) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    Sequential net;
    net.append("block", Scaled());
    StateDict weights;
    weights.insert("block.scale", Tensor::from<float>(std::vector{1.0f, 2.0f, 4.0f}, {3, 1, 1}));
    weights.insert("block.shift", Tensor::from<float>(std::vector{-1.0f}, {1}));
    net.load(weights);
    net.to(dtype);
    ExecutionContext ctx;
    net.prepare(ctx);
    const Tensor y = net(counting({1, 3, 1, 2}).to(dtype), ctx).to(DType::f32);
    EXPECT_THAT(values(y), ElementsAre(-1, 0, 3, 5, 15, 19)) << dtype;
  }
}

TEST(Mean, OverHeightAndWidth) {
  class Mean : public Network {
   public:
    Mean(Sizes dims, bool keepdim) : Network("Mean"), dims_(std::move(dims)), keepdim_(keepdim) {}
    Value forward(Value x) const override { return mean(x, dims_, keepdim_); }
    using Network::forward;

   private:
    Sizes dims_;
    bool keepdim_;
  };
  const Tensor x = counting({2, 1, 2, 2});
  EXPECT_THAT(values(run(Mean({2, 3}, false), x)), ElementsAre(1.5, 5.5));
  EXPECT_EQ(run(Mean({-1, -2}, true), x).shape(), (Shape{2, 1, 1, 1}));
  EXPECT_EQ(run(Mean({0, 1}, false), counting({3, 4})).shape(), Shape());
  EXPECT_THROW(run(Mean({1}, false), x), ArgumentError);
  EXPECT_THROW(run(Mean({2, 4}, false), x), ShapeError);
}

}  // namespace
}  // namespace upconv::test
