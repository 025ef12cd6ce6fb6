#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// Names, nesting, what runs in place, and that fusing an activation into a convolution changes no value.

namespace upconv::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> keys_of(const Module& module) {
  std::vector<std::string> keys;
  for (const EntrySpec& entry : module.entries())
    keys.push_back(entry.name);
  return keys;
}

TEST(Sequential, NamesAreThoseOfPyTorch) {
  Sequential block, net;
  block.append(ConvTranspose2d({.in_channels = 2, .out_channels = 3, .kernel_size = 2, .bias = false}));
  block.append("norm", BatchNorm2d({.num_features = 3})).append(PReLU());
  net.append(Conv2d({.in_channels = 1, .out_channels = 2, .kernel_size = 1}));
  net.append("decoder", std::move(block)).append(Tanh());
  EXPECT_THAT(keys_of(net),
              ElementsAre("0.weight", "0.bias", "decoder.0.weight", "decoder.norm.weight",
                          "decoder.norm.bias", "decoder.norm.running_mean", "decoder.norm.running_var",
                          "decoder.norm.num_batches_tracked", "decoder.2.weight"));
  EXPECT_EQ(net[0].display_name(), "Conv2d '0'");
  EXPECT_EQ(dynamic_cast<Sequential&>(net["decoder"])["norm"].display_name(), "BatchNorm2d 'decoder.norm'");
  EXPECT_EQ(net["2"].type_name(), "Tanh");
}

TEST(Sequential, RefusesBadNamesAndIndices) {
  Sequential net;
  net.append(ReLU());
  EXPECT_THROW(net.append("0", ReLU()), ArgumentError);
  EXPECT_THROW(net.append("", ReLU()), ArgumentError);
  EXPECT_THROW(net.append("a.b", ReLU()), ArgumentError);
  EXPECT_EQ(net.size(), 1u);
  EXPECT_THROW(net[1], ArgumentError);
  EXPECT_THROW(net["b"], ArgumentError);
}

TEST(Sequential, EmptyIsTheIdentity) {
  ExecutionContext ctx;
  Sequential net;
  net.prepare(ctx);
  const Tensor x = values({2, 3}, 1), y = net.forward(x, ctx);
  EXPECT_TRUE(std::ranges::equal(x.data<float>(), y.data<float>()));
}

TEST(Sequential, NeverWritesItsInput) {
  ExecutionContext ctx;
  Sequential net;
  net.append(ReLU()).append(LeakyReLU()).append(Tanh());
  net.prepare(ctx);
  const Tensor x = values({2, 3, 4}, 1), before = x.clone();
  net.forward(x, ctx);
  EXPECT_TRUE(std::ranges::equal(x.data<float>(), before.data<float>()));
}

/// Runs the children one by one, each into a tensor of its own: nothing is fused, nothing is in place.
Tensor run_one_by_one(const Sequential& net, const Tensor& x, ExecutionContext& ctx) {
  Tensor value = x.clone();
  for (const auto& [name, child] : net.children())
    value = child->forward(value, ctx);
  return value;
}

template <class Layer>
void check_fusion(Layer activation, DType dtype, const Shape& x_shape) {
  ExecutionContext ctx({.num_threads = 2});
  Sequential net;
  net.append(Conv2d({.in_channels = 3, .out_channels = 5, .kernel_size = 3, .padding = 1}));
  net.append(std::move(activation));
  net.append(
      ConvTranspose2d({.in_channels = 5, .out_channels = 2, .kernel_size = 4, .stride = 2, .padding = 1}));
  net.append(LeakyReLU({.negative_slope = 0.25}));
  load_values(net, 7);
  net.to(dtype);
  net.prepare(ctx);
  const Tensor x = values(x_shape, 3, dtype);
  const Tensor fused = net.forward(x, ctx).to(DType::f64);
  const Tensor apart = run_one_by_one(net, x, ctx).to(DType::f64);
  double largest = 1.0;
  for (const double value : apart.data<double>())
    largest = std::max(largest, std::abs(value));
  // Unfused, a 16-bit value is rounded before the activation as well.
  const double unit = dtype == DType::f32 ? 0x1p-22 : dtype == DType::f16 ? 0x1p-9 : 0x1p-6;
  for (std::size_t i = 0; i < apart.data<double>().size(); ++i)
    ASSERT_NEAR(fused.data<double>()[i], apart.data<double>()[i], unit * largest) << i;
}

TEST(Sequential, FusedEqualsApart) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    SCOPED_TRACE(name_of(dtype));
    check_fusion(ReLU(), dtype, {2, 3, 6, 5});
    check_fusion(LeakyReLU({.negative_slope = 0.2}), dtype, {2, 3, 6, 5});
    check_fusion(PReLU(), dtype, {2, 3, 6, 5});
    check_fusion(PReLU({.num_parameters = 5}), dtype, {2, 3, 6, 5});
    check_fusion(PReLU({.num_parameters = 6}), dtype, {3, 6, 5});  // unbatched: slopes go by the height
    check_fusion(PReLU({.num_parameters = 5}), dtype,
                 {3, 5, 6});  // the same, where the channels would fit too
    check_fusion(Sigmoid(), dtype, {3, 6, 5});
    check_fusion(Tanh(), dtype, {1, 3, 6, 5});
  }
}

// Piecewise linear activations of exact sums are exact, so here fusing must not change a bit.
TEST(Sequential, FusedEqualsApartBitForBit) {
  ExecutionContext ctx({.num_threads = 2});
  Sequential net;
  net.append(ConvTranspose2d({.in_channels = 3, .out_channels = 5, .kernel_size = 3, .stride = 2}));
  net.append(PReLU({.num_parameters = 5}));
  load_values(net, 7);
  net.prepare(ctx);
  const Tensor x = values({2, 3, 4, 5}, 3);
  const Tensor fused = net.forward(x, ctx), apart = run_one_by_one(net, x, ctx);
  EXPECT_TRUE(std::ranges::equal(fused.data<float>(), apart.data<float>()));
}

TEST(Sequential, DeepNestsEqualFlatOnes) {
  ExecutionContext ctx;
  const auto up = [] {
    return ConvTranspose2d({.in_channels = 2, .out_channels = 2, .kernel_size = 2, .stride = 2});
  };
  Sequential flat, inner, middle, outer;
  flat.append(ReLU()).append(up()).append(Tanh()).append(up()).append(Sigmoid()).append(ReLU());
  inner.append(up()).append(Tanh());
  middle.append(ReLU()).append(std::move(inner)).append(up());
  outer.append(std::move(middle)).append(Sigmoid()).append(ReLU());
  load_values(flat, 1);
  load_values(outer, 1);
  flat.prepare(ctx);
  outer.prepare(ctx);
  const Tensor x = values({1, 2, 3, 4}, 9);
  const Tensor a = flat.forward(x, ctx), b = outer.forward(x, ctx);
  EXPECT_EQ(a.shape(), (Shape{1, 2, 12, 16}));
  // The last sigmoid is fused in the flat one only, and may be computed in another precision there.
  for (std::size_t i = 0; i < a.data<float>().size(); ++i)
    ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], 0x1p-22);
}

TEST(Sequential, DTypesOfChildrenMustAgree) {
  ExecutionContext ctx;
  Sequential net;
  net.append(Linear({.in_features = 2, .out_features = 2}))
      .append(Linear({.in_features = 2, .out_features = 2}));
  net[1].to(DType::f16);
  net.initialize();
  net.prepare(ctx);
  EXPECT_THROW(net.forward(Tensor::zeros({1, 2}), ctx), DTypeError);
}

}  // namespace

}  // namespace upconv::testing
