#include <cmath>

#include "test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/error.h>
#include <upconv/framework/state_dict.h>

namespace {

using test_module::bits_of;
using test_module::Leaf;
using test_module::message_of;
using test_module::Net;
using test_module::values;
using testing::ElementsAre;
using testing::HasSubstr;
using upconv::ArgumentError;
using upconv::DType;
using upconv::ExecutionContext;
using upconv::LoadError;
using upconv::LoadReport;
using upconv::StateDict;
using upconv::StateError;
using upconv::Tensor;

StateDict weights_of_net(double value, DType dtype = DType::f32) {
  StateDict weights;
  weights.insert("block.weight", Tensor::full({2, 3}, value, dtype));
  weights.insert("block.bias", Tensor::full({2}, value, dtype));
  return weights;
}

TEST(StateDictTest, KeepsOrderAndFindsByName) {
  StateDict weights;
  weights.insert("b", Tensor::full({1}, 1.0));
  weights.insert("a.weight", Tensor::full({1}, 2.0));
  EXPECT_EQ(weights.begin()->first, "b");
  EXPECT_EQ(weights.at("a.weight").data<float>()[0], 2.0f);
  EXPECT_EQ(weights.find("c"), nullptr);
  EXPECT_EQ(message_of<ArgumentError>([&] { weights.at("a.wieght"); }),
            "state dict has no entry 'a.wieght'; the nearest is 'a.weight'");
  EXPECT_EQ(message_of<ArgumentError>([&] { weights.insert("b", Tensor::zeros({})); }),
            "state dict already has an entry 'b'");
  EXPECT_THROW(weights.insert("", Tensor::zeros({})), ArgumentError);
  EXPECT_EQ(message_of<ArgumentError>([&] { weights.insert("c", Tensor()); }),
            "state dict entry 'c' is not a tensor (undefined)");
  EXPECT_EQ(weights.size(), 2u);
}

TEST(StateDictTest, PrintableNames) {
  EXPECT_EQ(upconv::printable("a\n\x7f\xff"), "a\\x0a\\x7f\\xff");
  const std::string shortened = upconv::printable(std::string(500, 'x'));
  EXPECT_THAT(shortened, HasSubstr("...(500 bytes)..."));
  EXPECT_LT(shortened.size(), 160u);
}

TEST(ModuleTest, NamesFollowPyTorch) {
  const Net net(true);
  std::vector<std::string> names;
  for (const auto& entry : net.entries())
    names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("block.weight", "block.bias", "block.num_batches_tracked"));
  EXPECT_EQ(net.display_name(), "Net");
  EXPECT_EQ(net.child().display_name(), "Leaf 'block'");
  EXPECT_EQ(net.dtype(), DType::f32);
}

TEST(ModuleTest, ReportsEveryDifferenceAtOnce) {
  Net net;
  StateDict weights;
  weights.insert("block.weight", Tensor::full({5}, 1.0));
  weights.insert("block.bais", Tensor::full({2}, 1.0));
  weights.set_source("model.h5");
  const auto before = bits_of(net);
  const std::string text = message_of<LoadError>([&] { net.load(weights); });
  EXPECT_EQ(text,
            "cannot load weights into Net\n"
            "model.h5:\n"
            "  missing (1):\n"
            "    block.bias (the nearest is block.bais)\n"
            "  unexpected (1):\n"
            "    block.bais\n"
            "  mismatched (1):\n"
            "    block.weight expected [2,3], got [5]");
  EXPECT_EQ(bits_of(net), before);
  EXPECT_THROW(net.load(weights, {.strict = false}), LoadError);
}

TEST(ModuleTest, TellsOfTheTransposedWeight) {
  Leaf leaf({64, 32, 4, 4});
  const LoadReport report = leaf.compare({{"weight", {32, 64, 4, 4}}, {"bias", {2}}});
  ASSERT_EQ(report.mismatched.size(), 1u);
  EXPECT_THAT(report.mismatched[0],
              HasSubstr("expected [64,32,4,4], got [32,64,4,4] (its first two dimensions"));
}

TEST(ModuleTest, NotStrictLoadsWhatFits) {
  Net net;
  StateDict weights;
  weights.insert("block.bias", Tensor::full({2}, 4.0));
  weights.insert("extra", Tensor::full({2}, 4.0));
  const LoadReport report = net.load(weights, {.strict = false});
  EXPECT_THAT(report.missing, ElementsAre("block.weight"));
  EXPECT_THAT(report.unexpected, ElementsAre("extra"));
  EXPECT_EQ(net.state_dict().at("block.bias").data<float>()[0], 4.0f);
}

TEST(ModuleTest, TakesWeightsOverThatAreGivenUp) {
  Net net(true);
  StateDict weights = weights_of_net(0.5);
  weights.insert("block.num_batches_tracked", Tensor::full({}, 9.0, DType::i64));
  const void* place = weights.at("block.bias").view().raw();
  const LoadReport report = net.load(std::move(weights));
  EXPECT_EQ(report.matched, 2u);
  EXPECT_TRUE(weights.empty());
  EXPECT_FALSE(weights.contains("block.bias"));
  EXPECT_EQ(net.child().bias().raw(), place);
  EXPECT_EQ(net.state_dict().at("block.bias").data<float>()[1], 0.5f);
  EXPECT_EQ(net.state_dict().at("block.num_batches_tracked").data<std::int64_t>()[0], 9);

  net.to(DType::bf16);
  net.load(weights_of_net(0.25));
  EXPECT_EQ(net.state_dict().at("block.bias").data<upconv::BFloat16>()[1], 0.25f);
}

TEST(ModuleTest, WeightsThatAreRefusedAreNotTaken) {
  Net net;
  StateDict weights = weights_of_net(NAN);
  const auto before = bits_of(net);
  EXPECT_THROW(net.load(std::move(weights), {.require_finite = true}), LoadError);
  EXPECT_EQ(bits_of(net), before);
  EXPECT_EQ(weights.size(), 2u);
  EXPECT_TRUE(std::isnan(weights.at("block.weight").data<float>()[0]));
}

TEST(ModuleTest, CountersAreLoadedAndMayBeMissing) {
  Net net(true);
  net.load(weights_of_net(1.0));
  StateDict weights = weights_of_net(1.0);
  weights.insert("block.num_batches_tracked", Tensor::full({}, 9.0, DType::i64));
  net.load(weights);
  EXPECT_EQ(net.state_dict().at("block.num_batches_tracked").data<std::int64_t>()[0], 9);
}

TEST(ModuleTest, ConvertsToTheParametersOwnType) {
  Net net;
  const LoadReport report = net.load(weights_of_net(0.1, DType::f64));
  EXPECT_THAT(report.notes,
              ElementsAre("block.weight narrowed from f64 to f32", "block.bias narrowed from f64 to f32"));
  net.to(DType::bf16);
  EXPECT_EQ(net.dtype(), DType::bf16);
  net.load(weights_of_net(0.5));
  EXPECT_EQ(net.state_dict().at("block.bias").data<upconv::BFloat16>()[0], 0.5f);
  EXPECT_THROW(net.to(DType::f64), upconv::DTypeError);
}

TEST(ModuleTest, IntegersDoNotLoadIntoFloats) {
  Net net;
  EXPECT_THAT(message_of<LoadError>([&] { net.load(weights_of_net(1.0, DType::i64)); }),
              HasSubstr("block.weight expected floating-point values, got i64"));
}

TEST(ModuleTest, RefusesWhatIsNotFiniteOnRequest) {
  Net net;
  EXPECT_NO_THROW(net.load(weights_of_net(NAN)));
  EXPECT_THAT(message_of<LoadError>([&] { net.load(weights_of_net(INFINITY), {.require_finite = true}); }),
              HasSubstr("block.weight holds NaN or infinity"));
  EXPECT_TRUE(std::isnan(net.state_dict().at("block.bias").data<float>()[0]));
}

TEST(ModuleTest, MustBePreparedAgainAfterLoading) {
  ExecutionContext ctx;
  Net net;
  const Tensor x = Tensor::full({3}, 1.0);
  EXPECT_THAT(message_of<StateError>([&] { net.forward(x, ctx); }), HasSubstr("Net is not prepared"));
  net.load(weights_of_net(2.0));
  net.prepare(ctx);
  EXPECT_EQ(values<float>(net.forward(x, ctx))[0], 3.0f);
  net.load(weights_of_net(5.0));
  EXPECT_FALSE(net.prepared());
  EXPECT_THROW(net.forward(x, ctx), StateError);
  net.prepare(ctx);
  EXPECT_EQ(values<float>(net.forward(x, ctx))[0], 6.0f);

  ExecutionContext other({.precision = upconv::Precision::tf32});
  EXPECT_THAT(message_of<StateError>([&] { net.forward(x, other); }),
              HasSubstr("is prepared for cpu in fp32"));
}

/// y = 2 x in fp32 and 3 x in tf32, times `weight`: what prepare_for computes, and for which context.
class PerPrecision : public upconv::Module {
 public:
  explicit PerPrecision(bool returns_state = true) : Module("PerPrecision"), returns_state_(returns_state) {
    weight_ = register_parameter("weight", {1});
  }
  upconv::TensorSpec output_spec(const upconv::TensorSpec& x) const override { return x; }
  bool fails_in_tf32 = false;

 private:
  struct Factor : upconv::Prepared {
    explicit Factor(float of) : value(of) {}
    float value;
  };
  std::unique_ptr<const upconv::Prepared> prepare_for(ExecutionContext& ctx) const override {
    const bool tf32 = ctx.precision() == upconv::Precision::tf32;
    if (tf32 && fails_in_tf32) throw StateError("told to fail");
    if (!returns_state_) return nullptr;
    return std::make_unique<Factor>((tf32 ? 3.0f : 2.0f) * parameter(weight_).data<float>()[0]);
  }
  void do_forward(upconv::ConstTensorView x, upconv::TensorView y, ExecutionContext& ctx) const override {
    y.data<float>()[0] = x.data<float>()[0] * prepared_state<Factor>(ctx).value;
  }

  bool returns_state_;
  ParameterId weight_ = 0;
};

StateDict one_weight(float value) {
  StateDict weights;
  weights.insert("weight", Tensor::full({1}, value));
  return weights;
}

TEST(ModuleTest, IsPreparedForSeveralPrecisionsAtOnce) {
  ExecutionContext fp32, tf32({.precision = upconv::Precision::tf32});
  PerPrecision layer;
  const Tensor x = Tensor::full({1}, 1.0);
  layer.load(one_weight(1.0f));
  layer.prepare(fp32);
  EXPECT_EQ(
      message_of<StateError>([&] { layer.forward(x, tf32); }),
      "PerPrecision is prepared for cpu in fp32, the context is on cpu in tf32: call prepare(ctx) with this "
      "context");
  layer.prepare(tf32);
  EXPECT_EQ(values<float>(layer.forward(x, fp32))[0], 2.0f);
  EXPECT_EQ(values<float>(layer.forward(x, tf32))[0], 3.0f);

  layer.load(one_weight(10.0f));
  EXPECT_THROW(layer.forward(x, fp32), StateError);
  EXPECT_THROW(layer.forward(x, tf32), StateError);
  layer.prepare(tf32);
  EXPECT_EQ(values<float>(layer.forward(x, tf32))[0], 30.0f);
  EXPECT_THROW(layer.forward(x, fp32), StateError);
}

TEST(ModuleTest, AFailedPrepareLeavesWhatIsPreparedForOthers) {
  ExecutionContext fp32, tf32({.precision = upconv::Precision::tf32});
  PerPrecision layer;
  const Tensor x = Tensor::full({1}, 1.0);
  layer.load(one_weight(1.0f));
  layer.prepare(fp32);
  layer.fails_in_tf32 = true;
  EXPECT_THROW(layer.prepare(tf32), StateError);
  EXPECT_EQ(values<float>(layer.forward(x, fp32))[0], 2.0f);
  EXPECT_THROW(layer.forward(x, tf32), StateError);
}

TEST(ModuleTest, AStateThatWasNotMadeIsAnError) {
  ExecutionContext ctx;
  PerPrecision layer(false);
  layer.load(one_weight(1.0f));
  layer.prepare(ctx);
  EXPECT_THAT(message_of<StateError>([&] { layer.forward(Tensor::full({1}, 1.0), ctx); }),
              HasSubstr("its prepare_for returned no state"));
}

TEST(ModuleTest, AModuleThatPreparesItsMembersIsPreparedForTheLastContext) {
  ExecutionContext fp32, tf32({.precision = upconv::Precision::tf32});
  Net net;  // its Leaf overrides do_prepare
  const Tensor x = Tensor::full({3}, 1.0);
  net.load(weights_of_net(2.0));
  net.prepare(fp32);
  net.prepare(tf32);
  EXPECT_EQ(values<float>(net.forward(x, tf32))[0], 3.0f);
  EXPECT_THAT(message_of<StateError>([&] { net.forward(x, fp32); }),
              HasSubstr("Leaf 'block' is prepared for cpu in tf32"));
}

TEST(ModuleTest, AFailedPrepareLeavesItUnprepared) {
  ExecutionContext ctx;
  Leaf leaf;
  leaf.initialize();
  leaf.prepare(ctx);
  leaf.fail_to_prepare = true;
  EXPECT_THROW(leaf.prepare(ctx), StateError);
  EXPECT_FALSE(leaf.prepared());
}

TEST(ModuleTest, MovesWithItsParametersAndState) {
  ExecutionContext ctx;
  Net net;
  net.load(weights_of_net(2.0));
  net.prepare(ctx);
  Net moved = std::move(net);
  EXPECT_TRUE(moved.prepared());
  EXPECT_EQ(values<float>(moved.forward(Tensor::full({1}, 1.0), ctx))[0], 3.0f);
  EXPECT_EQ(moved.child().display_name(), "Leaf 'block'");
}

TEST(ModuleTest, ChecksInputAndOutput) {
  ExecutionContext ctx;
  Net net;
  net.initialize();
  net.prepare(ctx);
  Tensor x = Tensor::zeros({4});
  Tensor wrong = Tensor::zeros({5});
  EXPECT_EQ(message_of<upconv::ShapeError>([&] { net.forward_into(x, wrong, ctx); }),
            "Net: output expected [4], got [5]");
  EXPECT_THAT(message_of<ArgumentError>([&] { net.forward_into(x, x, ctx); }),
              HasSubstr("overlap in memory"));
  EXPECT_THAT(message_of<upconv::DTypeError>([&] { net.forward(Tensor::zeros({4}, DType::f16), ctx); }),
              HasSubstr("input is f16 but the parameters are f32"));
}

}  // namespace
