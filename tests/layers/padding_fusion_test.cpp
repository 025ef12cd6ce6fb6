#include <cmath>
#include <functional>
#include <limits>

#include <gmock/gmock.h>

#include <upconv/framework/message.h>
#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// What padding a convolution takes over, why not, and that the results are those of the steps apart.

namespace upconv::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A convolution without and one with padding, and a transposed one, for forwards that are written in a test.
class Parts : public Network {
 public:
  using Forward = std::function<Value(const Parts&, Value)>;

  explicit Parts(Forward forward)
      : Network("Parts"),
        bare(add("bare", Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3}))),
        padded(add("padded", Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}))),
        mirrored(add("mirrored", Conv2d({.in_channels = 4,
                                         .out_channels = 4,
                                         .kernel_size = 3,
                                         .padding = 1,
                                         .padding_mode = PaddingMode::reflect}))),
        ready(add("ready", Conv2d({.in_channels = 4,
                                   .out_channels = 4,
                                   .kernel_size = 3,
                                   .padding_mode = PaddingMode::reflect}))),
        up(add("up", ConvTranspose2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3}))),
        norm(add("norm", BatchNorm2d({.num_features = 4}))),
        mirror(add("mirror", ReflectionPad2d({.padding = 1}))),
        forward_(std::move(forward)) {
    load_values(*this, 3);
  }
  Value forward(Value x) const override { return forward_(*this, x); }
  using Network::forward;

  Conv2d &bare, &padded, &mirrored, &ready;
  ConvTranspose2d& up;
  BatchNorm2d& norm;
  ReflectionPad2d& mirror;

 private:
  Forward forward_;
};

/// Runs the forward fused and not, and compares; returns what `explain` says of the fused plan.
std::string check(const Parts::Forward& forward, const Shape& shape = {2, 4, 9, 21}) {
  Parts net(forward);
  ExecutionContext fused, apart({.planning = {.fuse = false}});
  net.prepare(fused);
  const Tensor x = values(shape, 8);
  const Tensor got = net(x, fused), wanted = net(x, apart);
  EXPECT_EQ(got.shape(), wanted.shape());
  for (std::size_t i = 0; i < got.data<float>().size(); ++i)
    EXPECT_NEAR(got.data<float>()[i], wanted.data<float>()[i], 0x1p-16f * std::abs(wanted.data<float>()[i]))
        << i;
  return net.explain(x.spec(), fused);
}

TEST(PaddingFusion, PaddingRidesInTheConvolution) {
  const std::pair<const char*, Parts::Forward> kCases[] = {
      {"pad + Conv2d 'bare'", [](const Parts& p, Value x) { return p.bare(p.mirror(x)); }},
      {"pad + Conv2d 'bare' + BatchNorm2d 'norm' + relu + add",
       [](const Parts& p, Value x) { return relu(p.norm(p.bare(p.mirror(x)))) + x; }},
      {"pad + Conv2d 'bare'",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {0, 1, 0, 2}));
       }},
      {"pad + Conv2d 'bare'",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {2, 0, 1, 0}, PadMode::circular));
       }},
      {"pad + Conv2d 'bare'",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {2, 1}, PadMode::constant));
       }},
      {"pad + Conv2d 'bare'",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {1, 1, 1, 1, 0, 0, 0, 0}));
       }},
      {"pad + Conv2d 'ready'",  // which would mirror, had it any padding of its own
       [](const Parts& p, Value x) {
         return p.ready(pad(x, {1, 1, 2, 0}));
       }},
      {"pad + Conv2d 'padded'",
       [](const Parts& p, Value x) {
         return p.padded(pad(x, {1, 0, 0, 3}));
       }},
  };
  for (const auto& [steps, forward] : kCases) {
    SCOPED_TRACE(steps);
    EXPECT_THAT(check(forward), AllOf(HasSubstr("in 1 step"), HasSubstr(steps)));
  }
}

TEST(PaddingFusion, OfAnImageWithoutABatch) {
  EXPECT_THAT(check(
                  [](const Parts& p, Value x) {
                    return p.bare(pad(x, {2, 1}, PadMode::replicate));
                  },
                  {4, 6, 7}),
              HasSubstr("in 1 step"));
}

TEST(PaddingFusion, WhatCannotRideSaysWhy) {
  const std::pair<const char*, Parts::Forward> kCases[] = {
      {"a transposed convolution cuts its padding off",
       [](const Parts& p, Value x) { return p.up(p.mirror(x)); }},
      {"the convolution has padding of another kind",
       [](const Parts& p, Value x) { return p.padded(p.mirror(x)); }},
      {"the convolution has padding of another kind",
       [](const Parts& p, Value x) {
         return p.mirrored(pad(x, {1, 1}));
       }},
      {"a convolution pads height and width alone",
       [](const Parts& p, Value x) {
         return p.bare(pad(narrow(x, 1, 0, 3), {0, 0, 0, 0, 1, 0}));
       }},
      {"a convolution cuts nothing off",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {2, -1}));
       }},
      {"the constant is not zero",
       [](const Parts& p, Value x) {
         return p.bare(pad(x, {1, 1}, PadMode::constant, 0.5));
       }},
      {"its operand is read 2 times",
       [](const Parts& p, Value x) {
         const Value y = p.mirror(x);
         return p.bare(y) + slice(slice(y, 2, 1, -1), 3, 1, -1);
       }},
  };
  for (const auto& [why, forward] : kCases) {
    SCOPED_TRACE(why);
    EXPECT_THAT(check(forward), HasSubstr(why));
  }
}

/// Zeros that the network adds itself are multiplied, as in PyTorch; the convolution's own are not.
TEST(PaddingFusion, InfiniteWeightsMeetTheZerosOfAPad) {
  Parts net([](const Parts& p, Value x) { return p.bare(pad(x, {1, 1, 1, 1})); });
  StateDict state;
  Tensor weight = values({4, 4, 3, 3}, 1);
  weight.data<float>()[0] = std::numeric_limits<float>::infinity();
  state.insert("bare.weight", std::move(weight));
  net.load(state, {.strict = false});
  ExecutionContext ctx;
  net.prepare(ctx);
  const Tensor x = values({1, 4, 5, 5}, 2);
  const Tensor y = net(x, ctx);
  EXPECT_TRUE(std::isnan(y.data<float>()[0]));
  EXPECT_THAT(net.explain(x.spec(), ctx), HasSubstr("some weights are infinite or NaN"));
}

}  // namespace
}  // namespace upconv::testing
