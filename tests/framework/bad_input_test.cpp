#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/context.h>
#include <upconv/framework/error.h>
#include <upconv/framework/memory.h>
#include <upconv/framework/tensor.h>

// Public entries of framework/ that take views, pointers, shapes or types, given what they cannot use: each
// throws an exception of ours that says what to change, and touches no memory. Run under AddressSanitizer.

namespace {

using test_module::Leaf;
using test_module::message_of;
using testing::HasSubstr;
using upconv::ArgumentError;
using upconv::ConstTensorView;
using upconv::Device;
using upconv::DeviceError;
using upconv::DType;
using upconv::DTypeError;
using upconv::ExecutionContext;
using upconv::Shape;
using upconv::ShapeError;
using upconv::Tensor;
using upconv::TensorSpec;
using upconv::TensorView;

constexpr auto kNoDType = static_cast<DType>(99);

TEST(BadInput, UndefinedTensorsHaveNoElements) {
  Tensor none;
  EXPECT_THAT(
      message_of<ArgumentError>([&] { none.data<float>(); }),
      HasSubstr("data() on an undefined tensor: it was default-constructed or moved from; give it a value"));
  EXPECT_THROW(TensorView().data<float>(), ArgumentError);
  EXPECT_THROW(ConstTensorView().data<double>(), ArgumentError);
  EXPECT_THAT(message_of<ArgumentError>([&] { none.view().reshape({1}); }),
              HasSubstr("reshape on an undefined tensor"));
  EXPECT_THROW(ConstTensorView().reshape({}), ArgumentError);
  EXPECT_THROW(Tensor().reshape({}), ArgumentError);
}

TEST(BadInput, CopyAndConvertNeedTensors) {
  Tensor scalar = Tensor::zeros({});  // of the spec that an undefined view reports
  ExecutionContext ctx;
  EXPECT_THAT(message_of<ArgumentError>([&] { upconv::copy(scalar, {}); }),
              HasSubstr("copy on an undefined tensor"));
  EXPECT_THROW(upconv::copy({}, scalar), ArgumentError);
  EXPECT_THROW(upconv::copy({}, {}), ArgumentError);
  EXPECT_THROW(ctx.copy(scalar, {}), ArgumentError);
  EXPECT_THROW(ctx.copy({}, scalar), ArgumentError);
  EXPECT_THAT(message_of<ArgumentError>([&] { upconv::convert({}, scalar); }),
              HasSubstr("convert on an undefined tensor"));
  EXPECT_THROW(upconv::convert(scalar, {}), ArgumentError);
}

TEST(BadInput, CopiesMustNotOverlap) {
  Tensor all = Tensor::from(std::vector<float>{1, 2, 3, 4}, {4});
  float* begin = all.data<float>().data();
  const TensorSpec three{.shape = {3}};
  const TensorView first(begin, three), second(begin + 1, three);
  ExecutionContext ctx;
  EXPECT_THAT(message_of<ArgumentError>([&] { upconv::copy(second, first); }),
              HasSubstr("overlaps it: copy through a clone()"));
  EXPECT_THROW(ctx.copy(second, first), ArgumentError);
  EXPECT_NO_THROW(upconv::copy(first, first));
  EXPECT_NO_THROW(ctx.copy(first, first));
  const TensorView halves(begin, {.shape = {3}, .dtype = DType::f16});
  EXPECT_THAT(message_of<ArgumentError>([&] { upconv::convert(halves, first); }), HasSubstr("use to(DType)"));
  EXPECT_THAT(test_module::values<float>(all), testing::ElementsAre(1, 2, 3, 4));
}

TEST(BadInput, ViewsNeedAlignedMemory) {
  alignas(8) std::array<char, 64> bytes{};
  EXPECT_THAT(message_of<ArgumentError>([] {
                TensorView(nullptr, {.shape = {2, 3}});
              }),
              HasSubstr("a view of f32[2,3] on cpu needs memory, got a null pointer"));
  EXPECT_THROW(ConstTensorView(nullptr, TensorSpec{}), ArgumentError);
  EXPECT_NO_THROW(TensorView(nullptr, {.shape = {2, 0}}));
  EXPECT_THAT(message_of<ArgumentError>([&] { ConstTensorView(bytes.data() + 2, {.shape = {2}}); }),
              HasSubstr("aligned to its elements of 4 bytes"));
  EXPECT_NO_THROW(ConstTensorView(bytes.data() + 2, {.shape = {2}, .dtype = DType::bf16}));
  EXPECT_THROW(TensorView(bytes.data(), {.shape = {2}, .dtype = kNoDType}), DTypeError);
}

TEST(BadInput, UnknownTypesAreRefused) {
  EXPECT_THAT(message_of<DTypeError>([] { Tensor::zeros({2}, kNoDType); }),
              HasSubstr("DType(99) is no element type: use one of the enumerators"));
  EXPECT_THROW(Tensor::full({2}, 1.0, kNoDType), DTypeError);
  EXPECT_THROW(Tensor::zeros({2}).to(kNoDType), DTypeError);
  EXPECT_THROW(upconv::size_of(kNoDType), DTypeError);
  EXPECT_THROW((TensorSpec{{2}, kNoDType, Device::cpu()}.bytes()), DTypeError);
  EXPECT_EQ(upconv::name_of(kNoDType), "invalid");
  EXPECT_FALSE(upconv::is_floating(kNoDType));
  EXPECT_FALSE(upconv::is_compute_dtype(kNoDType));
}

TEST(BadInput, DataOfAnotherDeviceIsNotRead) {
  float value = 0;
  const TensorView gpu(&value, {.shape = {1}, .device = Device::cuda(0)});
  EXPECT_THAT(message_of<DeviceError>([&] { gpu.data<float>(); }),
              HasSubstr("data() on a tensor on cuda:0: copy it to the host with to(Device::cpu()) first"));
  Tensor x = Tensor::zeros({1});
  ExecutionContext ctx;
  EXPECT_THROW(upconv::convert(x, gpu), DeviceError);
  EXPECT_THROW(ctx.copy(x, gpu), DeviceError);
  EXPECT_THROW(Tensor::zeros({1}, DType::f32, Device::cuda(-1)), DeviceError);
}

TEST(BadInput, BytesNeedPointers) {
  int value = 0;
  EXPECT_THAT(message_of<ArgumentError>(
                  [&] { upconv::copy_bytes(nullptr, Device::cpu(), &value, Device::cpu(), 4); }),
              HasSubstr("copy_bytes: 4 bytes at a null pointer"));
  EXPECT_THROW(upconv::copy_bytes(&value, Device::cpu(), nullptr, Device::cpu(), 4), ArgumentError);
  EXPECT_THAT(message_of<ArgumentError>([] { upconv::zero_bytes(nullptr, Device::cpu(), 8); }),
              HasSubstr("zero_bytes: 8 bytes at a null pointer"));
  EXPECT_NO_THROW(upconv::copy_bytes(nullptr, Device::cpu(), nullptr, Device::cpu(), 0));
}

TEST(BadInput, ShapesAreCheckedWhereTheyAreMade) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  for (const std::vector<std::int64_t>& bad :
       std::vector<std::vector<std::int64_t>>{{-1},
                                              {kLeast},
                                              {0, -1},
                                              {kLeast, kLeast},
                                              {kMost, kMost},
                                              {std::int64_t{1} << 32, std::int64_t{1} << 31},
                                              {2, 2, 2, 2, 2, 2, 2, 2, 2}}) {
    EXPECT_THROW(Shape{bad}, ShapeError);
    EXPECT_THROW(Tensor::zeros(Shape(bad)), ShapeError);
  }
  const Shape shape{2, 3};
  EXPECT_THROW(shape[std::numeric_limits<int>::min()], ShapeError);
  EXPECT_THROW(shape[std::numeric_limits<int>::max()], ShapeError);
  EXPECT_THROW(Tensor::empty({kMost}), ShapeError);  // elements, but not bytes, can be counted
  EXPECT_THROW(Tensor::from(std::vector<float>{}, {kMost}), ShapeError);
  EXPECT_THROW(Tensor::from(std::vector<float>(3), {}), ShapeError);
  EXPECT_THROW(Tensor::zeros({2}).view().reshape({kMost}), ShapeError);
}

TEST(BadInput, WorkspacesRefuseWhatNobodyHas) {
  ExecutionContext ctx;
  upconv::Workspace::Scope scope(ctx.workspace());
  EXPECT_THROW(scope.take(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  EXPECT_THROW(scope.take({std::numeric_limits<std::int64_t>::max()}, DType::f32), ShapeError);
  EXPECT_THROW(scope.take({2}, kNoDType), DTypeError);
  EXPECT_NE(scope.take({2}, DType::f32).raw(), nullptr);
}

/// A module that registers whatever the test says.
class Registers : public Leaf {
 public:
  using Leaf::device_parameter;
  using Leaf::parameter;
  using Leaf::register_counter;
  using Leaf::register_module;
  using Leaf::register_parameter;
};

TEST(BadInput, NamesOfParametersAreThoseOfPyTorch) {
  Registers module;
  EXPECT_EQ(message_of<ArgumentError>([&] { module.register_parameter("", {1}); }),
            "Leaf: parameter name '' must not be empty or contain a dot");
  EXPECT_THROW(module.register_parameter("a.b", {1}), ArgumentError);
  EXPECT_EQ(message_of<ArgumentError>([&] { module.register_parameter("weight", {1}); }),
            "Leaf already has a parameter 'weight'");
  EXPECT_THROW(module.register_counter("bias"), ArgumentError);
  EXPECT_THROW(module.register_module("bias", std::make_unique<Leaf>()), ArgumentError);
  module.register_module("child", std::make_unique<Leaf>());
  EXPECT_EQ(message_of<ArgumentError>([&] { module.register_parameter("child", {1}); }),
            "Leaf already has a child 'child'");
  EXPECT_THROW(module.register_counter("child"), ArgumentError);
  EXPECT_EQ(module.entries().size(), 4u);
}

TEST(BadInput, ParametersThatAreNotThere) {
  const Registers module;
  EXPECT_EQ(message_of<ArgumentError>([&] { module.parameter(2); }),
            "Leaf has registered 2 parameters, there is no 2");
  EXPECT_THROW(module.device_parameter(7), ArgumentError);
}

}  // namespace
