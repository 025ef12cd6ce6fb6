#include <utility>
#include <vector>

#include "test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/context.h>
#include <upconv/framework/error.h>
#include <upconv/framework/memory.h>
#include <upconv/framework/state_dict.h>
#include <upconv/framework/tensor.h>

// What was moved from says so, and what was moved over lets go of what it held. The linter's warning of a use
// after a move is what is tested here.

namespace {

using test_module::Leaf;
using test_module::message_of;
using testing::HasSubstr;
using upconv::Buffer;
using upconv::Device;
using upconv::DType;
using upconv::ExecutionContext;
using upconv::StateDict;
using upconv::StateError;
using upconv::Tensor;

TEST(MovedFrom, TensorsAreUndefined) {
  Tensor a = Tensor::full({2, 3}, 1.0);
  Tensor b = std::move(a);
  EXPECT_FALSE(a.defined());
  EXPECT_FALSE(a.view().defined());
  EXPECT_EQ(a.numel(), Tensor().numel());
  EXPECT_TRUE(b.defined());

  Tensor c = Tensor::zeros({4});
  c = std::move(b);
  EXPECT_FALSE(b.defined());
  EXPECT_EQ(c.shape(), (upconv::Shape{2, 3}));
  Tensor& same = c;
  c = std::move(same);
  EXPECT_EQ(c.data<float>()[5], 1.0f);

  const Tensor reshaped = std::move(c).reshape({6});
  EXPECT_FALSE(c.defined());
  c = Tensor::zeros({1});  // and can be given a value again
  EXPECT_TRUE(c.defined());
}

TEST(MovedFrom, BuffersHoldNothing) {
  Buffer a(Device::cpu(), 100);
  Buffer b(Device::cpu(), 200);
  void* data = a.data();
  b = std::move(a);
  EXPECT_EQ(a.data(), nullptr);  // what b held is gone, not here
  EXPECT_EQ(a.bytes(), 0u);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(b.bytes(), 100u);
  Buffer& same = b;
  b = std::move(same);
  EXPECT_EQ(b.data(), data);
}

TEST(MovedFrom, ModulesRefuseToRun) {
  Leaf a;
  ExecutionContext ctx;
  a.load(a.state_dict());
  a.prepare(ctx);
  Leaf b = std::move(a);
  EXPECT_FALSE(a.prepared());
  const Tensor x = Tensor::zeros({2});
  constexpr auto kWhy = "this module was moved from: use the module that it was moved to";
  EXPECT_EQ(message_of<StateError>([&] { a.forward(x, ctx); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { a.prepare(ctx); }), kWhy);
  EXPECT_TRUE(a.entries().empty());
  EXPECT_TRUE(a.state_dict().empty());

  EXPECT_TRUE(b.prepared());
  EXPECT_NO_THROW(b.forward(x, ctx));
  a = std::move(b);
  EXPECT_NO_THROW(a.forward(x, ctx));
  EXPECT_THROW(b.forward(x, ctx), StateError);
}

TEST(MovedFrom, StateDictsAreEmpty) {
  StateDict a;
  a.insert("weight", Tensor::zeros({1}));
  const StateDict b = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.find("weight"), nullptr);
  EXPECT_NO_THROW(a.insert("weight", Tensor::zeros({2})));
  EXPECT_EQ(b.at("weight").numel(), 1);
}

TEST(MovedFrom, ContextsRefuseToRun) {
  ExecutionContext a({.num_threads = 1});
  Leaf module;
  module.load(module.state_dict());
  module.prepare(a);
  ExecutionContext b = std::move(a);
  Tensor x = Tensor::zeros({2});
  constexpr auto kWhy = "this ExecutionContext was moved from: use the context that it was moved to";
  EXPECT_EQ(message_of<StateError>([&] { module.forward(x, a); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { module.forward_into(x, x, a); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { Tensor::empty({1}, DType::f32, a); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { a.workspace(); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { a.synchronize(); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { a.stream(); }), kWhy);
  EXPECT_EQ(message_of<StateError>([&] { a.copy(x, x); }), kWhy);
  EXPECT_THROW(module.prepare(a), StateError);
  EXPECT_NO_THROW(module.forward(x, b));
  a = std::move(b);
  EXPECT_NO_THROW(module.forward(x, a));
  EXPECT_THROW(b.workspace(), StateError);
}

struct Counted {
  explicit Counted(Device) {}
  int uses = 0;
};
struct Other {
  explicit Other(Device) {}
  int uses = 100;
};

TEST(ContextState, IsOneOfEachTypeAndMovesAlong) {
  ExecutionContext a;
  ++a.state<Counted>().uses;
  ++a.state<Other>().uses;
  EXPECT_EQ(++a.state<Counted>().uses, 2);
  EXPECT_EQ(a.state<Other>().uses, 101);
  ExecutionContext b = std::move(a);
  EXPECT_EQ(b.state<Counted>().uses, 2);
  EXPECT_THROW(a.state<Counted>(), StateError);
}

TEST(TensorTo, CopiesOnlyWhatItMust) {
  Tensor x = Tensor::full({3}, 2.0);
  const void* data = x.view().raw();
  EXPECT_NE(x.to(DType::f32).view().raw(), data);  // of a tensor that stays, always a copy
  EXPECT_NE(x.to(Device::cpu()).view().raw(), data);
  EXPECT_TRUE(x.defined());

  Tensor same = std::move(x).to(Device::cpu()).to(DType::f32);
  EXPECT_EQ(same.view().raw(), data);
  EXPECT_FALSE(x.defined());
  const Tensor half = std::move(same).to(DType::f16);
  EXPECT_EQ(half.dtype(), DType::f16);
  EXPECT_EQ(static_cast<float>(half.data<upconv::Float16>()[2]), 2.0f);
  EXPECT_FALSE(Tensor().to(Device::cpu()).defined());
  EXPECT_FALSE(Tensor().to(DType::f32).defined());
}

}  // namespace
