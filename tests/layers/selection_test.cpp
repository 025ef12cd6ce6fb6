#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/convolution.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>
#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// What explain says, what the trace sink is told, and kernels forced by name, seen from layers.

namespace upconv::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

ConvTranspose2d up() {
  return ConvTranspose2d({.in_channels = 2, .out_channels = 3, .kernel_size = 4, .stride = 2, .padding = 1});
}

const TensorSpec kImage{{1, 2, 5, 6}, DType::f32, Device::cpu()};

template <class Rows>
void expect_every_row(const std::string& text, const Rows& rows) {
  for (const auto& row : rows)
    EXPECT_THAT(text, HasSubstr(std::string(row.name)));
  int running = 0;
  for (std::size_t at = text.find("\n  > "); at != std::string::npos; at = text.find("\n  > ", at + 1))
    ++running;
  EXPECT_EQ(running, 1) << text;
  EXPECT_THAT(text, HasSubstr("runs"));
}

TEST(Explain, NamesEveryRowAndWhyItWasTakenOrNot) {
  const ExecutionContext ctx;
  const std::string text = up().explain(kImage, ctx);
  EXPECT_THAT(text, HasSubstr("ConvTranspose2d: conv_transpose2d "
                              "n1ci2ih5iw6co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32 on cpu"));
  expect_every_row(text, kernels::convolution_rows(Device::Type::cpu));
  expect_every_row(Conv2d({.in_channels = 2, .out_channels = 1, .kernel_size = 1}).explain(kImage, ctx),
                   kernels::convolution_rows(Device::Type::cpu));
  expect_every_row(Linear({.in_features = 6, .out_features = 1}).explain(kImage, ctx),
                   kernels::linear_rows(Device::Type::cpu));
  expect_every_row(BatchNorm2d({.num_features = 2}).explain(kImage, ctx),
                   kernels::pointwise_rows(Device::Type::cpu));
  expect_every_row(Tanh().explain(kImage, ctx), kernels::pointwise_rows(Device::Type::cpu));
}

TEST(Explain, SaysWhichRowIsForced) {
  const ExecutionContext ctx({.kernels = {{"conv_transpose2d", "cpu.reference"}}});
  EXPECT_THAT(up().explain(kImage, ctx), HasSubstr("runs, forced by name"));
}

TEST(Explain, ShowsASequentialsFusion) {
  Sequential net;
  net.append(up()).append(PReLU({.num_parameters = 3})).append(Tanh()).append(ReLU());
  const std::string text = net.explain(kImage, ExecutionContext());
  EXPECT_THAT(text, HasSubstr("4 calls in 2 steps"));
  EXPECT_THAT(text, HasSubstr("ConvTranspose2d '0' + PReLU '1' + Tanh '2'"));
  EXPECT_THAT(text, HasSubstr("ReLU '3'"));
  EXPECT_THAT(text, HasSubstr("there are two activations before it"));
}

TEST(Explain, ChecksTheInput) {
  EXPECT_THROW(up().explain({.shape = {1, 3, 5, 6}}, ExecutionContext()), ShapeError);
}

TEST(Trace, NamesEveryKernelThatRuns) {
  std::vector<std::string> events;
  ExecutionContext ctx(
      {.kernels = {{"conv_transpose2d", "cpu.reference"}}, .trace = [&](const TraceEvent& event) {
         events.push_back(event.layer.to_string() + " | " + std::string(event.problem) + " | " +
                          std::string(event.kernel));
       }});
  Sequential net;
  net.append("up", up()).append(ReLU()).append("norm", BatchNorm2d({.num_features = 3}));
  net.initialize();
  net.prepare(ctx);
  net.forward(Tensor::zeros(kImage.shape), ctx);
  ASSERT_EQ(events.size(), 2u);  // the ReLU rides in the convolution's kernel
  EXPECT_EQ(events[0],
            "ConvTranspose2d 'up' | n1ci2ih5iw6co3kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32+relu | cpu.reference");
  EXPECT_EQ(events[1], "BatchNorm2d 'norm' | o1c3i120_f32+affine | cpu.simd");
}

TEST(Trace, GivesTypeAndPathOfALayerApart) {
  std::vector<std::pair<std::string, std::string>> layers;
  ExecutionContext ctx(
      {.trace = [&](const TraceEvent& event) { layers.emplace_back(event.layer.type, event.layer.path); }});
  Sequential inner, net;
  inner.append("it's", Sigmoid());
  net.append("decoder", std::move(inner));
  Tanh alone;
  net.prepare(ctx);
  alone.prepare(ctx);
  const Tensor x = Tensor::zeros({2});
  net.forward(x, ctx);
  alone.forward(x, ctx);
  EXPECT_THAT(layers, ElementsAre(Pair("Sigmoid", "decoder.it's"), Pair("Tanh", "")));
  EXPECT_EQ(net["decoder"].path(), "decoder");
  EXPECT_EQ(net["decoder"].name().to_string(), net["decoder"].display_name());
  EXPECT_EQ(alone.name().to_string(), "Tanh");
}

TEST(Trace, ForcedKernelsRunAndUnknownOnesThrow) {
  const Tensor x = Tensor::zeros(kImage.shape);
  for (const kernels::ConvRow& row : kernels::convolution_rows(Device::Type::cpu)) {
    std::string ran;
    ExecutionContext ctx({.kernels = {{"conv_transpose2d", std::string(row.name)}},
                          .trace = [&](const TraceEvent& event) { ran = event.kernel; }});
    ConvTranspose2d layer = up();
    layer.initialize();
    layer.prepare(ctx);
    layer.forward(x, ctx);
    EXPECT_EQ(ran, row.name);
  }
  ConvTranspose2d layer = up();
  ExecutionContext unknown({.kernels = {{"conv_transpose2d", "cpu.magic"}}});
  layer.initialize();
  layer.prepare(unknown);
  EXPECT_THROW(layer.forward(x, unknown), ArgumentError);
  ExecutionContext no_such_op({.kernels = {{"convolution", "cpu.reference"}}});
  EXPECT_THROW(layer.forward(x, no_such_op), ArgumentError);
}

}  // namespace

}  // namespace upconv::testing
