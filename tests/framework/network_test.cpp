#include <chrono>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/tests/framework/test_module.h>
#include <upconv/tests/framework/test_operations.h>

// Recording, what is refused and how it is said, and what a context keeps of a network.

namespace {

using namespace test_operations;
using test_module::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using upconv::ArgumentError;
using upconv::ExecutionContext;
using upconv::ShapeError;
using upconv::StateError;
using upconv::Tensor;
using upconv::Values;

Tensor vector(std::vector<float> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

std::vector<float> elements(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

/// Runs a network of one input, and gives all its outputs.
std::vector<std::vector<float>> run(FunctionNetwork& net, const Tensor& x) {
  ExecutionContext ctx({.num_threads = 1});
  net.prepare(ctx);
  const ConstTensorView view = x;
  std::vector<std::vector<float>> results;
  for (const Tensor& y : net(std::span<const ConstTensorView>(&view, 1), ctx))
    results.push_back(elements(y));
  return results;
}

TEST(Network, ReturnsItsInput) {
  FunctionNetwork net([](std::span<const Value> x) { return Values{x[0]}; });
  EXPECT_THAT(run(net, vector({1, 2})), ElementsAre(ElementsAre(1, 2)));
}

TEST(Network, GivesOneValueTwice) {
  FunctionNetwork net([](std::span<const Value> x) {
    const Value y = scale(x[0], 3.0f);
    return Values{y, y, slice(y, 1, 1), x[0]};
  });
  EXPECT_THAT(run(net, vector({1, 2})),
              ElementsAre(ElementsAre(3, 6), ElementsAre(3, 6), ElementsAre(6), ElementsAre(1, 2)));
}

TEST(Network, AnEmptyInputGivesAnEmptyOutput) {
  FunctionNetwork net([](std::span<const Value> x) {
    return Values{reverse(cat({x[0], scale(x[0], 2.0f)}))};
  });
  EXPECT_THAT(run(net, Tensor::empty({0})), ElementsAre(ElementsAre()));
}

TEST(Network, RunsAgainWithOtherShapes) {
  FunctionNetwork net([](std::span<const Value> x) { return Values{reverse(cat({x[0], x[0]}))}; });
  EXPECT_THAT(run(net, vector({1, 2})), ElementsAre(ElementsAre(2, 1, 2, 1)));
  EXPECT_THAT(run(net, vector({3})), ElementsAre(ElementsAre(3, 3)));
}

TEST(Network, NeverWritesItsInput) {
  FunctionNetwork net(
      [](std::span<const Value> x) { return Values{scale(scale(reverse(x[0]), 2.0f), 2.0f)}; });
  const Tensor x = vector({1, 2, 3});
  run(net, x);
  EXPECT_THAT(elements(x), ElementsAre(1, 2, 3));
}

std::string refusal(FunctionNetwork& net) {
  const std::vector<TensorSpec> specs = {{{4}, upconv::DType::f32, upconv::Device::cpu()}};
  return message_of<upconv::Error>([&] { static_cast<void>(net.output_specs(specs)); });
}

TEST(Network, ShapeErrorsNamePlaceAndOperands) {
  FunctionNetwork net([](std::span<const Value> x) { return Values{add(reverse(x[0]), slice(x[0], 0, 2))}; });
  const std::string text = refusal(net);
  EXPECT_THAT(text, HasSubstr("scale: [4] and [2]"));
  EXPECT_THAT(text, HasSubstr("at network_test.cpp:"));
  EXPECT_THAT(text, HasSubstr("in FunctionNetwork"));
  EXPECT_THAT(text, HasSubstr("operand 0: f32[4] on cpu, from reverse (network_test.cpp:"));
  EXPECT_THAT(text, HasSubstr("operand 1: f32[2] on cpu, from slice (network_test.cpp:"));
}

TEST(Network, RefusesValuesThatAreNotItsOwn) {
  FunctionNetwork undefined([](std::span<const Value> x) { return Values{add(x[0], Value())}; });
  EXPECT_THAT(refusal(undefined), HasSubstr("operand 1 is a Value that was never assigned"));
  FunctionNetwork nothing([](std::span<const Value>) { return Values{}; });
  EXPECT_THAT(refusal(nothing), HasSubstr("forward returned no value"));
  FunctionNetwork empty([](std::span<const Value>) { return Values{Value()}; });
  EXPECT_THAT(refusal(empty), HasSubstr("never assigned"));

  Value kept;
  FunctionNetwork keeper([&](std::span<const Value> x) {
    kept = reverse(x[0]);
    return Values{kept};
  });
  EXPECT_EQ(refusal(keeper), "");
  FunctionNetwork thief([&](std::span<const Value> x) { return Values{add(x[0], kept)}; });
  EXPECT_THAT(refusal(thief), HasSubstr("operands 0 and 1 are of different recordings"));
  FunctionNetwork late([&](std::span<const Value>) { return Values{reverse(kept)}; });
  EXPECT_THAT(refusal(late), HasSubstr("a recording that has ended"));
  FunctionNetwork returns([&](std::span<const Value>) { return Values{kept}; });
  EXPECT_THAT(refusal(returns), HasSubstr("a recording that has ended"));
}

class Endless : public upconv::Network {
 public:
  Endless() : Network("Endless") {}
  Value forward(Value x) const override { return (*this)(x); }
};

TEST(Network, RefusesEndlessRecursion) {
  const Endless net;
  EXPECT_THAT(message_of<StateError>([&] { static_cast<void>(net.output_spec({{4}})); }),
              HasSubstr("forward calls itself without end"));
}

TEST(Network, RefusesAnotherNumberOfInputsAndOutputs) {
  ExecutionContext ctx({.num_threads = 1});
  FunctionNetwork net([](std::span<const Value> x) { return Values{x[0], reverse(x[0])}; });
  net.prepare(ctx);
  const Tensor x = vector({1, 2});
  EXPECT_THAT(message_of<ArgumentError>([&] { net(x, ctx); }), HasSubstr("it has 2 outputs"));
  Tensor y = Tensor::empty({2});
  const ConstTensorView in = x;
  const std::vector<TensorView> twice = {y, y};
  EXPECT_THAT(message_of<ArgumentError>([&] {
                net.forward_into({&in, 1}, twice, ctx);
              }),
              HasSubstr("outputs 0 and 1 overlap in memory"));
  Endless one;
  const std::vector<TensorSpec> two(2, TensorSpec{{2}});
  EXPECT_THAT(message_of<ArgumentError>([&] { static_cast<void>(one.output_specs(two)); }),
              HasSubstr("forward takes one input, got 2"));
}

TEST(Network, ARefusedCallLeavesEverythingUsable) {
  ExecutionContext ctx({.num_threads = 1});
  FunctionNetwork net(
      [](std::span<const Value> x) { return Values{add(slice(x[0], 0, 2), slice(x[0], 1, 2))}; });
  net.prepare(ctx);
  EXPECT_THROW(net(vector({1}), ctx), ShapeError);
  EXPECT_THAT(elements(net(vector({1, 2, 4}), ctx)), ElementsAre(3, 6));
}

/// y = (x + bias) twice over: one weight, used twice.
class Twice : public upconv::Network {
 public:
  Twice() : Network("Twice"), leaf(add("leaf", test_module::Leaf())) {}
  Value forward(Value x) const override { return scale(leaf(leaf(x)), 1.0f); }
  test_module::Leaf& leaf;
};

upconv::StateDict weights(float bias) {
  upconv::StateDict result;
  result.insert("leaf.weight", Tensor::zeros({2, 3}));
  result.insert("leaf.bias", Tensor::full({2}, bias));
  return result;
}

TEST(Network, PlansAreOfTheStateThatWasPrepared) {
  ExecutionContext ctx({.num_threads = 1});
  Twice net;
  net.load(weights(1.0f));
  net.prepare(ctx);
  EXPECT_THAT(elements(net(vector({5}), ctx)), ElementsAre(7));
  net.load(weights(10.0f));
  EXPECT_THROW(net(vector({5}), ctx), StateError);
  net.prepare(ctx);
  EXPECT_THAT(elements(net(vector({5}), ctx)), ElementsAre(25));
  net.leaf.to(upconv::DType::f16);  // a child alone, behind the network's back
  EXPECT_THROW(net(vector({5}), ctx), upconv::Error);
  net.leaf.prepare(ctx);
  EXPECT_THROW(net(vector({5}), ctx), upconv::DTypeError);
}

TEST(Network, SurvivesAMove) {
  ExecutionContext ctx({.num_threads = 1});
  Twice first;
  first.load(weights(1.0f));
  first.prepare(ctx);
  EXPECT_THAT(elements(first(vector({5}), ctx)), ElementsAre(7));
  const Twice second = std::move(first);
  EXPECT_THAT(elements(second(vector({6}), ctx)), ElementsAre(8));
  EXPECT_THAT(elements(second(vector({5}), ctx)), ElementsAre(7));
}

TEST(Network, ThreadsShareOneNetwork) {
  Twice net;
  net.load(weights(1.0f));
  {
    ExecutionContext ctx({.num_threads = 1});
    net.prepare(ctx);
  }
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext ctx({.num_threads = 1});
      for (int i = 0; i < 200; ++i) {
        const auto value = static_cast<float>(i + static_cast<int>(t));
        const Tensor y = net(Tensor::full({1 + i % 7}, static_cast<double>(value)), ctx);
        wrong[t] += y.data<float>()[0] != value + 2.0f;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

TEST(Network, PreparedForASizeItsFirstRunIsWarm) {
  ExecutionContext ctx({.num_threads = 1});
  FunctionNetwork net([](std::span<const Value> x) { return Values{reverse(reverse(x[0]))}; });
  const TensorSpec spec{{100}};
  net.prepare(ctx, {&spec, 1});
  EXPECT_GE(ctx.workspace().capacity(), 400u);
}

TEST(Network, ExplainsItsPlan) {
  ExecutionContext ctx({.num_threads = 1});
  FunctionNetwork net([](std::span<const Value> x) {
    const Value y = scale(scale(x[0], 2.0f), 3.0f);
    return Values{reverse(cat({reverse(y), scale(y, 2.0f)}))};
  });
  net.prepare(ctx);
  const std::string text = net.explain(TensorSpec{{4}}, ctx);
  EXPECT_THAT(text, HasSubstr("6 calls in 4 steps"));
  EXPECT_THAT(text, HasSubstr("scale + scale"));
  EXPECT_THAT(text, HasSubstr("in cat"));
  EXPECT_THAT(text, HasSubstr("its operand is read 2 times"));
  EXPECT_THAT(text, HasSubstr("output"));
}

// A new size must not stutter: a thousand layers are recorded, planned and verified well within a frame.
TEST(Network, PlansAThousandLayersQuickly) {
  FunctionNetwork net([](std::span<const Value> x) {
    Value y = x[0];
    for (int i = 0; i < 200; ++i) {
      const Value skip = scale(y, 0.5f), other = reverse(skip);
      y = slice(cat({skip, scale(other, 2.0f)}), 0, y.size(0));
    }
    return Values{y};
  });
  ExecutionContext ctx({.num_threads = 1});
  net.prepare(ctx);
  double best = 1e9;
  for (std::int64_t size = 8; size < 38; ++size) {
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(net.explain(TensorSpec{{size}}, ctx).size());
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  RecordProperty("milliseconds", std::to_string(best));
  EXPECT_LT(best, 50.0) << "in a build with sanitizers, on a busy machine; an optimised one takes about 1";
}

}  // namespace
