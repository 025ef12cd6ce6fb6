#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// The life of a module: construct, load, prepare, forward; and what happens in any other order.

namespace upconv::testing {

namespace {

using ::testing::HasSubstr;

template <class Thrown, class Call>
std::string text_of(const Call& call) {
  try {
    call();
  } catch (const Thrown& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

ConvTranspose2d small_layer() {
  return ConvTranspose2d({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2});
}

TEST(Lifecycle, ForwardBeforePrepareThrows) {
  ExecutionContext ctx;
  const Tensor x = Tensor::zeros({1, 2, 3, 3});
  ConvTranspose2d layer = small_layer();
  EXPECT_THAT(
      text_of<StateError>([&] { layer.forward(x, ctx); }),
      HasSubstr("ConvTranspose2d is not prepared: call prepare(ctx) after load() and before forward()"));
  EXPECT_THROW(layer.forward_to_size(x, {8, 8}, ctx), StateError);
  EXPECT_THROW(ReLU().forward(x, ctx), StateError);
  EXPECT_THROW(Sequential().forward(x, ctx), StateError);
}

TEST(Lifecycle, LoadingAgainUnprepares) {
  ExecutionContext ctx;
  const Tensor x = values({1, 2, 3, 3}, 1);
  ConvTranspose2d layer = small_layer();
  load_values(layer, 10);
  layer.prepare(ctx);
  const Tensor before = layer.forward(x, ctx);
  load_values(layer, 20);
  EXPECT_FALSE(layer.prepared());
  EXPECT_THROW(layer.forward(x, ctx), StateError);
  layer.prepare(ctx);
  const Tensor after = layer.forward(x, ctx);
  EXPECT_NE(before.data<float>()[0], after.data<float>()[0]);
}

TEST(Lifecycle, ARefusedLoadChangesNothing) {
  ExecutionContext ctx;
  const Tensor x = values({1, 2, 3, 3}, 1);
  ConvTranspose2d layer = small_layer();
  load_values(layer, 10);
  layer.prepare(ctx);
  const Tensor before = layer.forward(x, ctx);

  StateDict wrong;
  wrong.insert("weight", values({2, 3, 3, 3}, 99));
  wrong.insert("bias", values({4}, 98));
  const std::string text = text_of<LoadError>([&] { layer.load(wrong); });
  EXPECT_THAT(text, HasSubstr("bias expected [3], got [4]"));
  EXPECT_TRUE(layer.prepared());
  const Tensor after = layer.forward(x, ctx);
  for (std::size_t i = 0; i < before.data<float>().size(); ++i)
    ASSERT_EQ(before.data<float>()[i], after.data<float>()[i]);
}

TEST(Lifecycle, AChildLoadedAloneMustBePreparedAgain) {
  ExecutionContext ctx;
  Sequential net;
  net.append(Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 1})).append(ReLU());
  net.initialize();
  net.prepare(ctx);
  load_values(net[0], 3);
  EXPECT_THAT(text_of<StateError>([&] {
                net.forward(Tensor::zeros({1, 1, 2, 2}), ctx);
              }),
              HasSubstr("Conv2d '0' is not prepared"));
}

TEST(Lifecycle, AppendingUnprepares) {
  ExecutionContext ctx;
  Sequential net;
  net.append(ReLU());
  net.prepare(ctx);
  net.append(Tanh());
  EXPECT_THROW(net.forward(Tensor::zeros({1}), ctx), StateError);
}

TEST(Lifecycle, ConvertingUnprepares) {
  ExecutionContext ctx;
  ConvTranspose2d layer = small_layer();
  layer.initialize();
  layer.prepare(ctx);
  layer.to(DType::bf16);
  EXPECT_EQ(layer.dtype(), DType::bf16);
  EXPECT_THROW(layer.forward(Tensor::zeros({1, 2, 3, 3}, DType::bf16), ctx), StateError);
  layer.prepare(ctx);
  EXPECT_EQ(layer.forward(Tensor::zeros({1, 2, 3, 3}, DType::bf16), ctx).dtype(), DType::bf16);
}

TEST(Lifecycle, ConvertingRoundsWeightsAndKeepsCounters) {
  Sequential net;
  net.append(BatchNorm2d({.num_features = 1}))
      .append(Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 1}));
  StateDict weights = net.state_dict();
  StateDict finer;
  for (const auto& [name, tensor] : weights)
    finer.insert(name, tensor.dtype() == DType::i64 ? Tensor::full({}, 12345, DType::i64)
                                                    : Tensor::full(tensor.shape(), 1.0 + 0x1p-9));
  net.load(finer);
  net.to(DType::bf16);
  const StateDict rounded = net.state_dict();
  EXPECT_EQ(static_cast<float>(rounded.at("1.weight").data<BFloat16>()[0]), 1.0f);
  EXPECT_EQ(rounded.at("0.num_batches_tracked").data<std::int64_t>()[0], 12345);
  net.to(DType::f32);
  EXPECT_EQ(net.state_dict().at("1.weight").data<float>()[0], 1.0f);
}

TEST(Lifecycle, BatchNormKeepsItsParametersInF32) {
  BatchNorm2d norm({.num_features = 1});
  StateDict weights;
  weights.insert("weight", Tensor::full({1}, 1.0));
  weights.insert("bias", Tensor::full({1}, 1e-9));
  weights.insert("running_mean", Tensor::full({1}, 0.0));
  weights.insert("running_var", Tensor::full({1}, 1e5));  // beyond f16
  for (const bool convert_first : {true, false}) {
    BatchNorm2d layer({.num_features = 1});
    if (convert_first) layer.to(DType::f16);
    EXPECT_EQ(layer.load(weights).to_string(), "");
    layer.to(DType::f16);
    EXPECT_EQ(layer.dtype(), DType::f16);
    const StateDict kept = layer.state_dict();
    EXPECT_EQ(kept.at("running_var").data<float>()[0], 1e5f);
    EXPECT_EQ(kept.at("bias").data<float>()[0], 1e-9f);
    ExecutionContext ctx;
    layer.prepare(ctx);
    const Tensor y = layer.forward(Tensor::full({1, 1, 1, 1}, -225.125, DType::f16), ctx);
    EXPECT_EQ(y.dtype(), DType::f16);
    EXPECT_EQ(y.data<Float16>()[0], Float16(-0.7119f));  // -225.125 / sqrt(1e5)
  }
}

TEST(Lifecycle, LoadConvertsToTheModulesOwnType) {
  Linear layer({.in_features = 1, .out_features = 1, .bias = false});
  layer.to(DType::f16);
  StateDict weights;
  weights.insert("weight", Tensor::full({1, 1}, 1.0 + 0x1p-20, DType::f64));
  const LoadReport report = layer.load(weights);
  EXPECT_THAT(report.to_string(), HasSubstr("weight narrowed from f64 to f16"));
  EXPECT_EQ(layer.dtype(), DType::f16);
  EXPECT_EQ(layer.state_dict().at("weight").dtype(), DType::f16);
}

TEST(Lifecycle, AContextOfAnotherPrecisionNeedsPrepare) {
  ExecutionContext fp32, tf32({.precision = Precision::tf32});
  ConvTranspose2d layer = small_layer();
  const Tensor x = Tensor::zeros({1, 2, 3, 3});
  layer.initialize();
  layer.prepare(fp32);
  EXPECT_THAT(text_of<StateError>([&] { layer.forward(x, tf32); }), HasSubstr("is prepared for cpu in fp32"));
  layer.prepare(tf32);
  EXPECT_NO_THROW(layer.forward(x, tf32));
}

/// Every layer that keeps something for its contexts.
Sequential preparing_network() {
  Sequential net;
  net.append(Conv2d({.in_channels = 2, .out_channels = 6, .kernel_size = 3, .padding = 1}))
      .append(BatchNorm2d({.num_features = 6}))
      .append(PReLU({.num_parameters = 6}))
      .append(ConvTranspose2d({.in_channels = 6, .out_channels = 3, .kernel_size = 2, .stride = 2}))
      .append(Linear({.in_features = 10, .out_features = 4}));
  load_values(net, 3);
  return net;
}

TEST(Lifecycle, ANetworkIsPreparedForSeveralKindsOfContext) {
  ExecutionContext fp32, tf32({.precision = Precision::tf32});
  const Tensor x = values({1, 2, 4, 5}, 1);
  Sequential alone = preparing_network();
  alone.prepare(fp32);
  const Tensor expected = alone(x, fp32);

  Sequential net = preparing_network();
  net.prepare(fp32);
  static_cast<void>(net(x, fp32));
  net.prepare(tf32);
  const Sequential moved = std::move(net);
  for (ExecutionContext* ctx : {&fp32, &tf32, &fp32}) {
    const Tensor y = moved(x, *ctx);  // a CPU computes the same in both
    EXPECT_TRUE(std::equal(y.data<float>().begin(), y.data<float>().end(), expected.data<float>().begin()));
  }
}

TEST(Lifecycle, AnotherKernelPolicyNeedsPrepare) {
  ExecutionContext usual;
  ExecutionContext reference({.kernels = {{"conv_transpose2d", "cpu.reference"}}});
  const Tensor x = Tensor::zeros({1, 2, 3, 3});
  ConvTranspose2d layer = small_layer();
  layer.initialize();
  layer.prepare(reference);
  EXPECT_NO_THROW(layer.forward(x, reference));
  EXPECT_THAT(
      text_of<StateError>([&] { layer.forward(x, usual); }),
      HasSubstr(
          "this context runs cpu.direct on n1ci2ih3iw3co3kh3kw3_s2x2_p0x0_op0x0_d1x1_g1_f32, but the weight "
          "was packed for no kernel that packs: call prepare(ctx) with this context"));
  layer.prepare(usual);
  EXPECT_NO_THROW(layer.forward(x, usual));
  EXPECT_NO_THROW(layer.forward(x, reference));  // which reads PyTorch's weight
}

TEST(Lifecycle, MovedModulesKeepTheirWeights) {
  ExecutionContext ctx;
  const Tensor x = values({1, 2, 3, 3}, 1);
  ConvTranspose2d layer = small_layer();
  load_values(layer, 10);
  layer.prepare(ctx);
  const Tensor before = layer.forward(x, ctx);
  ConvTranspose2d moved = std::move(layer);
  const Tensor after = moved.forward(x, ctx);
  EXPECT_EQ(before.data<float>()[5], after.data<float>()[5]);
}

// --- devices

TEST(Devices, AContextOnADeviceThatIsNotThereThrows) {
  const int beyond = cuda_device_count();
  EXPECT_THAT(text_of<DeviceError>([&] { ExecutionContext ctx({.device = Device::cuda(beyond)}); }),
              HasSubstr("cuda:" + std::to_string(beyond)));
  EXPECT_THROW(Tensor::zeros({1}, DType::f32, Device::cuda(beyond)), DeviceError);
}

TEST(Devices, AnInputOnAnotherDeviceThrows) {
  ExecutionContext ctx;
  ReLU layer;
  layer.prepare(ctx);
  float value = 0.0f;  // never read: a view says where it lies
  const ConstTensorView x(&value, {{1}, DType::f32, Device::cuda(0)});
  EXPECT_THAT(
      text_of<DeviceError>([&] { layer.forward(x, ctx); }),
      HasSubstr("ReLU: input is on cuda:0, the context on cpu: copy the input with x.to(ctx.device())"));
}

TEST(Devices, AnOutputOnAnotherDeviceThrows) {
  ExecutionContext ctx;
  ReLU layer;
  layer.prepare(ctx);
  float value = 0.0f;
  const Tensor x = Tensor::zeros({1});
  EXPECT_THROW(layer.forward_into(x, TensorView(&value, {{1}, DType::f32, Device::cuda(0)}), ctx),
               DeviceError);
}

// --- forward_into

TEST(ForwardInto, FillsAnOutputOfNaN) {
  ExecutionContext ctx;
  ConvTranspose2d layer({.in_channels = 2, .out_channels = 3, .kernel_size = 2, .stride = 4, .bias = false});
  load_values(layer, 1);
  layer.prepare(ctx);
  const Tensor x = values({2, 2, 3, 3}, 2);
  const TensorSpec spec = layer.output_spec(x.spec());
  Tensor y = Tensor::full(spec.shape, std::numeric_limits<double>::quiet_NaN());
  layer.forward_into(x, y, ctx);
  for (const float value : y.data<float>())
    ASSERT_FALSE(std::isnan(value));
}

TEST(ForwardInto, RefusesOutputsThatDoNotFit) {
  ExecutionContext ctx;
  ConvTranspose2d layer = small_layer();
  layer.initialize();
  layer.prepare(ctx);
  const Tensor x = Tensor::zeros({1, 2, 3, 3});
  Tensor small = Tensor::zeros({1, 3, 7, 6}), half = Tensor::zeros({1, 3, 7, 7}, DType::f16);
  EXPECT_THAT(text_of<ShapeError>([&] { layer.forward_into(x, small, ctx); }),
              HasSubstr("output expected [1,3,7,7], got [1,3,7,6]"));
  EXPECT_THROW(layer.forward_into(x, half, ctx), DTypeError);
}

TEST(ForwardInto, RefusesOverlap) {
  ExecutionContext ctx;
  Conv2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = 1});
  layer.initialize();
  layer.prepare(ctx);
  Tensor memory = Tensor::zeros({32});
  const TensorSpec spec{{1, 1, 4, 4}, DType::f32, Device::cpu()};
  float* begin = memory.data<float>().data();
  const ConstTensorView x(begin, spec);
  EXPECT_THAT(text_of<ArgumentError>([&] { layer.forward_into(x, TensorView(begin, spec), ctx); }),
              HasSubstr("input and output overlap"));
  EXPECT_THROW(layer.forward_into(x, TensorView(begin + 15, spec), ctx), ArgumentError);
  EXPECT_NO_THROW(layer.forward_into(x, TensorView(begin + 16, spec), ctx));
}

TEST(ForwardInto, ElementwiseLayersMayWorkInPlaceButNotOverlapOtherwise) {
  ExecutionContext ctx;
  LeakyReLU layer({.negative_slope = 0.5});
  layer.prepare(ctx);
  Tensor memory = Tensor::full({17}, -2.0);
  float* begin = memory.data<float>().data();
  const TensorSpec spec{{16}, DType::f32, Device::cpu()};
  layer.forward_into(ConstTensorView(begin, spec), TensorView(begin, spec), ctx);
  EXPECT_EQ(begin[15], -1.0f);
  EXPECT_THROW(layer.forward_into(ConstTensorView(begin, spec), TensorView(begin + 1, spec), ctx),
               ArgumentError);
}

TEST(ForwardInto, RefusesUndefinedTensors) {
  ExecutionContext ctx;
  ReLU layer;
  layer.prepare(ctx);
  const Tensor undefined;
  Tensor scalar = Tensor::zeros({}), no_output;
  EXPECT_THAT(text_of<ArgumentError>([&] { layer.forward(undefined, ctx); }), HasSubstr("undefined"));
  EXPECT_THROW(layer.forward_into(undefined, scalar, ctx), ArgumentError);
  EXPECT_THROW(layer.forward_into(scalar, no_output, ctx), ArgumentError);
}

}  // namespace

}  // namespace upconv::testing
