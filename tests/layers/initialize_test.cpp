#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

// What stands in a module's parameters before weights are loaded: nothing that prepare would take, or what
// initialize() drew.

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

Sequential small_net() {
  Sequential net;
  net.append(Conv2d({.in_channels = 1, .out_channels = 2, .kernel_size = 1}))
      .append(BatchNorm2d({.num_features = 2}))
      .append(PReLU({.num_parameters = 2}))
      .append("head", Linear({.in_features = 2, .out_features = 2}));
  return net;
}

std::vector<float> floats(const Module& module, std::string_view name) {
  const StateDict weights = module.state_dict();
  const auto values = weights.at(name).data<float>();
  return {values.begin(), values.end()};
}

/// Draws many weights and holds them against the uniform distribution in +-bound.
void expect_uniform(const std::vector<float>& values, double bound) {
  double sum = 0.0, squares = 0.0;
  for (const float value : values) {
    ASSERT_LE(std::abs(value), bound);
    sum += value / bound;
    squares += value / bound * value / bound;
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0.0, 4.0 * std::sqrt(1.0 / 3.0 / count));
  EXPECT_NEAR(squares / count, 1.0 / 3.0, 4.0 * std::sqrt(4.0 / 45.0 / count));
}

TEST(NeverLoaded, PrepareRefusesAndNamesTheParameters) {
  ExecutionContext ctx;
  Sequential net = small_net();
  EXPECT_EQ(text_of<StateError>([&] { net.prepare(ctx); }),
            "Sequential: 9 of 9 parameters were never loaded (0.weight, 0.bias, 1.weight, 1.bias, "
            "1.running_mean, 1.running_var, ... and 3 more): call net.load(read_hdf5(...)) or "
            "net.initialize(seed) before prepare(ctx)");
  EXPECT_FALSE(net.prepared());
  EXPECT_THROW(net.forward(Tensor::zeros({1, 1, 2, 2}), ctx), StateError);
}

TEST(NeverLoaded, ALoadThatIsNotStrictDoesNotHideTheRest) {
  ExecutionContext ctx;
  Sequential net = small_net();
  StateDict weights;
  for (auto& [name, tensor] : net.state_dict()) {
    if (!name.starts_with("head")) weights.insert(name, tensor.clone());
  }
  net.load(weights, {.strict = false});
  EXPECT_EQ(text_of<StateError>([&] { net.prepare(ctx); }),
            "Sequential: 2 of 9 parameters were never loaded (head.weight, head.bias): call "
            "net.load(read_hdf5(...)) or net.initialize(seed) before prepare(ctx)");
  net.initialize(1);
  net.load(weights, {.strict = false});
  EXPECT_NO_THROW(net.prepare(ctx));
}

TEST(NeverLoaded, AChildLoadedAloneCounts) {
  ExecutionContext ctx;
  Sequential net = small_net();
  for (const auto& [name, child] : net.children())
    load_values(*child, 3);
  EXPECT_NO_THROW(net.prepare(ctx));
  net.append(PReLU());
  EXPECT_THAT(text_of<StateError>([&] { net.prepare(ctx); }), HasSubstr("never loaded (4.weight)"));
  EXPECT_FALSE(net.prepared());
}

TEST(NeverLoaded, ConvertingMovingAndSavingKeepWhatWasLoaded) {
  ExecutionContext ctx;
  Sequential net = small_net();
  load_values(net, 3);
  net.to(DType::bf16);
  Sequential moved = std::move(net);
  EXPECT_NO_THROW(moved.prepare(ctx));
  Sequential again = small_net();
  again.load(moved.state_dict());
  EXPECT_NO_THROW(again.prepare(ctx));
  Sequential converted = small_net();
  converted.to(DType::bf16);
  EXPECT_THROW(converted.prepare(ctx), StateError);
}

TEST(Initialize, WeightsAndBiasesAreUniformByPyTorchsFanIn) {
  Sequential net;
  net.append(Conv2d({.in_channels = 16, .out_channels = 512, .kernel_size = {3, 5}, .groups = 2}))
      .append(ConvTranspose2d({.in_channels = 64, .out_channels = 512, .kernel_size = {2, 4}, .groups = 4}))
      .append(Linear({.in_features = 300, .out_features = 700}));
  net.initialize(7);
  // weight.size(1) times the kernel's size, of whichever layer: of ConvTranspose2d that is
  // [in,out/groups,...].
  expect_uniform(floats(net, "0.weight"), 1.0 / std::sqrt(16.0 / 2 * 3 * 5));
  expect_uniform(floats(net, "0.bias"), 1.0 / std::sqrt(16.0 / 2 * 3 * 5));
  expect_uniform(floats(net, "1.weight"), 1.0 / std::sqrt(512.0 / 4 * 2 * 4));
  expect_uniform(floats(net, "1.bias"), 1.0 / std::sqrt(512.0 / 4 * 2 * 4));
  expect_uniform(floats(net, "2.weight"), 1.0 / std::sqrt(300.0));
  expect_uniform(floats(net, "2.bias"), 1.0 / std::sqrt(300.0));
}

TEST(Initialize, NormsAndSlopesGetPyTorchsConstantsAgain) {
  Sequential net = small_net();
  load_values(net, 3);
  net.initialize();
  EXPECT_EQ(floats(net, "1.weight"), (std::vector<float>{1.0f, 1.0f}));
  EXPECT_EQ(floats(net, "1.bias"), (std::vector<float>{0.0f, 0.0f}));
  EXPECT_EQ(floats(net, "1.running_mean"), (std::vector<float>{0.0f, 0.0f}));
  EXPECT_EQ(floats(net, "1.running_var"), (std::vector<float>{1.0f, 1.0f}));
  EXPECT_EQ(floats(net, "2.weight"), (std::vector<float>{0.25f, 0.25f}));
  EXPECT_EQ(net.state_dict().at("1.num_batches_tracked").data<std::int64_t>()[0], 0);
}

TEST(Initialize, ValuesDependOnSeedAndNameAlone) {
  Sequential one = small_net(), two;
  two.append("other", Linear({.in_features = 9, .out_features = 9}))
      .append("head", Linear({.in_features = 2, .out_features = 2}));
  one.initialize(5);
  two.initialize(5);
  EXPECT_EQ(floats(one, "head.weight"), floats(two, "head.weight"));
  EXPECT_NE(floats(one, "head.weight"), floats(one, "0.weight"));
  two.initialize(6);
  EXPECT_NE(floats(one, "head.weight"), floats(two, "head.weight"));
  one.to(DType::f16);
  one.initialize(5);
  two.initialize(5);
  const StateDict half = one.state_dict();
  EXPECT_EQ(half.at("head.weight").data<Float16>()[1],
            static_cast<float>(Float16(floats(two, "head.weight")[1])));
}

TEST(Initialize, TheNumbersAreTheSameOnEveryPlatform) {
  Linear layer({.in_features = 3, .out_features = 1});
  layer.initialize(42);
  std::vector<std::uint32_t> bits;
  for (const float value : floats(layer, "weight"))
    bits.push_back(std::bit_cast<std::uint32_t>(value));
  EXPECT_EQ(bits, (std::vector<std::uint32_t>{0x3efc1405u, 0x3ea83d56u, 0x3d0e3edau}));
}

TEST(Initialize, Unprepares) {
  ExecutionContext ctx;
  Linear layer({.in_features = 3, .out_features = 1});
  layer.initialize();
  layer.prepare(ctx);
  layer.initialize();
  EXPECT_THROW(layer.forward(Tensor::zeros({3}), ctx), StateError);
}

/// A layer of a user's own, which says how one of its parameters starts.
class Scale : public Module {
 public:
  Scale() : Module("Scale") {
    scale_ = register_parameter("scale", {2}, 1.0);
    register_parameter("kept", {2}, 3.0);
  }
  TensorSpec output_spec(const TensorSpec& x) const override { return x; }

 private:
  void do_initialize(ParameterId id, std::span<float> values, RandomStream& random) const override {
    if (id != scale_) return;
    for (float& value : values)
      value += random.symmetric(0.5);
  }
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override { ctx.copy(y, x); }

  ParameterId scale_ = 0;
};

TEST(Initialize, AUsersOwnLayerSaysHowItsParametersStart) {
  Scale layer;
  layer.initialize(1);
  for (const float value : floats(layer, "scale")) {
    EXPECT_NE(value, 1.0f);
    EXPECT_NEAR(value, 1.0f, 0.5f);
  }
  EXPECT_EQ(floats(layer, "kept"), (std::vector<float>{3.0f, 3.0f}));
  ExecutionContext ctx;
  EXPECT_NO_THROW(layer.prepare(ctx));
}

}  // namespace

}  // namespace upconv::testing
