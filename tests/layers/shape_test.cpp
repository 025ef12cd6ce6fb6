#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// Unbatched and empty inputs, one-pixel images, and sizes asked for.

namespace upconv::testing {

namespace {

Shape shape_after(const Module& layer, const Shape& x) {
  return layer.output_spec({.shape = x}).shape;
}

bool same_values(const Tensor& a, const Tensor& b) {
  return std::ranges::equal(a.data<float>(), b.data<float>());
}

TEST(Shapes, AreThoseOfPyTorch) {
  const ConvTranspose2d up({.in_channels = 3,
                            .out_channels = 4,
                            .kernel_size = {3, 5},
                            .stride = {2, 3},
                            .padding = {1, 2},
                            .output_padding = {1, 0},
                            .dilation = {1, 2}});
  EXPECT_EQ(shape_after(up, {2, 3, 7, 5}), (Shape{2, 4, 14, 17}));
  EXPECT_EQ(shape_after(up, {3, 7, 5}), (Shape{4, 14, 17}));
  EXPECT_EQ(shape_after(up, {0, 3, 7, 5}), (Shape{0, 4, 14, 17}));
  const Conv2d down(
      {.in_channels = 3, .out_channels = 4, .kernel_size = {3, 5}, .stride = {2, 3}, .padding = {1, 2}});
  EXPECT_EQ(shape_after(down, {2, 3, 8, 11}), (Shape{2, 4, 4, 4}));
  EXPECT_EQ(shape_after(down, {3, 1, 1}), (Shape{4, 1, 1}));
  const Linear linear({.in_features = 5, .out_features = 2});
  EXPECT_EQ(shape_after(linear, {5}), (Shape{2}));
  EXPECT_EQ(shape_after(linear, {3, 0, 5}), (Shape{3, 0, 2}));
  EXPECT_EQ(shape_after(Sigmoid(), {}), Shape{});
}

TEST(Shapes, UnbatchedEqualsABatchOfOne) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .stride = 2});
  load_values(layer, 1);
  layer.prepare(ctx);
  const Tensor y = layer.forward(values({3, 4, 5}, 2), ctx);
  EXPECT_EQ(y.shape(), (Shape{4, 9, 11}));
  EXPECT_TRUE(same_values(y, layer.forward(values({1, 3, 4, 5}, 2), ctx)));
}

TEST(Shapes, ZeroBatchesPassThroughEveryLayer) {
  ExecutionContext ctx;
  Sequential net;
  net.append(
      Conv2d({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .padding_mode = PaddingMode::reflect}));
  net.append(BatchNorm2d({.num_features = 3})).append(ReLU());
  net.append(ConvTranspose2d({.in_channels = 3, .out_channels = 2, .kernel_size = 2, .stride = 2}));
  net.append(PReLU({.num_parameters = 2})).append(Linear({.in_features = 8, .out_features = 3}));
  net.append(Tanh());
  net.initialize();
  net.prepare(ctx);
  const Tensor y = net.forward(Tensor::zeros({0, 2, 6, 6}), ctx);
  EXPECT_EQ(y.shape(), (Shape{0, 2, 8, 3}));
  EXPECT_EQ(y.numel(), 0);
}

TEST(Shapes, OnePixelTimesAKernelIsTheKernel) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = {3, 4}, .bias = false});
  load_values(layer, 1);
  layer.prepare(ctx);
  const Tensor y = layer.forward(Tensor::full({1, 1, 1, 1}, 1.0), ctx);
  EXPECT_EQ(y.shape(), (Shape{1, 1, 3, 4}));
  EXPECT_TRUE(same_values(y, layer.state_dict().at("weight")));
}

// --- forward_to_size

TEST(ForwardToSize, GivesEverySizeBetweenLeastAndMost) {
  ExecutionContext ctx;
  const ConvTranspose2dOptions options{
      .in_channels = 2, .out_channels = 1, .kernel_size = 3, .stride = {3, 2}};
  ConvTranspose2d layer(options);
  load_values(layer, 1);
  layer.prepare(ctx);
  const Tensor x = values({1, 2, 3, 4}, 5);
  for (std::int64_t h = 0; h < 3; ++h) {
    for (std::int64_t w = 0; w < 2; ++w) {
      ConvTranspose2dOptions padded = options;
      padded.output_padding = {h, w};
      ConvTranspose2d same(padded);
      load_values(same, 1);
      same.prepare(ctx);
      const Tensor y = layer.forward_to_size(x, {9 + h, 9 + w}, ctx);
      EXPECT_EQ(y.shape(), (Shape{1, 1, 9 + h, 9 + w}));
      EXPECT_TRUE(same_values(y, same.forward(x, ctx)));
    }
  }
  EXPECT_THROW(layer.forward_to_size(x, {8, 9}, ctx), ShapeError);
  EXPECT_THROW(layer.forward_to_size(x, {9, 11}, ctx), ShapeError);
}

TEST(ForwardToSize, IgnoresTheLayersOwnOutputPadding) {
  ExecutionContext ctx;
  ConvTranspose2d layer(
      {.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 2, .output_padding = 1});
  layer.initialize();
  layer.prepare(ctx);
  const Tensor x = Tensor::zeros({1, 1, 4, 5});
  EXPECT_EQ(layer.forward(x, ctx).shape(), (Shape{1, 1, 10, 12}));
  EXPECT_EQ(layer.forward_to_size(x, {9, 11}, ctx).shape(), (Shape{1, 1, 9, 11}));
}

// Without output padding this layer has no output for one pixel; the size asked for makes one.
TEST(ForwardToSize, WorksWhereForwardWouldBeTooSmall) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .stride = 2, .padding = 1});
  load_values(layer, 1);
  layer.prepare(ctx);
  const Tensor x = Tensor::full({1, 1, 1, 1}, 1.0);
  EXPECT_THROW(layer.forward(x, ctx), ShapeError);
  const Tensor y = layer.forward_to_size(x, {1, 1}, ctx);
  const StateDict weights = layer.state_dict();
  EXPECT_EQ(y.data<float>()[0], weights.at("weight").data<float>()[3] + weights.at("bias").data<float>()[0]);
  EXPECT_THROW(layer.forward_to_size(x, {0, 1}, ctx), ShapeError);
}

TEST(ForwardToSize, KeepsUnbatchedAndEmptyInputs) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2});
  layer.initialize();
  layer.prepare(ctx);
  EXPECT_EQ(layer.forward_to_size(Tensor::zeros({2, 4, 4}), {10, 9}, ctx).shape(), (Shape{3, 10, 9}));
  EXPECT_EQ(layer.forward_to_size(Tensor::zeros({0, 2, 4, 4}), {10, 9}, ctx).shape(), (Shape{0, 3, 10, 9}));
}

}  // namespace

}  // namespace upconv::testing
