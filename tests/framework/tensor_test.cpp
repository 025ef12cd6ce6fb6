#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "test_module.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/framework/error.h>
#include <upconv/framework/tensor.h>
#include <upconv/framework/workspace.h>

namespace {

using test_module::message_of;
using test_module::values;
using testing::ElementsAre;
using testing::HasSubstr;
using upconv::ArgumentError;
using upconv::Device;
using upconv::DeviceError;
using upconv::DType;
using upconv::DTypeError;
using upconv::Shape;
using upconv::ShapeError;
using upconv::Tensor;
using upconv::TensorSpec;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(ShapeTest, CountsAndIndexes) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.numel(), 24);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.to_string(), "[2,3,4]");
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ(Shape{}.to_string(), "[]");
  EXPECT_NE(shape, (Shape{2, 3, 4, 1}));
  EXPECT_EQ(message_of<ShapeError>([&] { shape[3]; }), "dimension 3 is out of range for shape [2,3,4]");
  EXPECT_THROW(shape[-4], ShapeError);
}

TEST(ShapeTest, BadSizesAreRefused) {
  EXPECT_EQ(message_of<ShapeError>([] { Shape{2, -1}; }), "shape [2,-1] has a negative size");
  EXPECT_THAT(message_of<ShapeError>([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }),
              HasSubstr("at most 8 dimensions, got 9"));
  EXPECT_THAT(message_of<ShapeError>([] {
                Shape{kMax, 2};
              }),
              HasSubstr("more elements than 64 bits can count"));
  EXPECT_EQ((Shape{kMax, 1}).numel(), kMax);
  EXPECT_EQ((Shape{kMax, kMax, 0}).numel(), 0);
  EXPECT_THROW((TensorSpec{Shape{kMax}, DType::f16, Device::cpu()}.bytes()), ShapeError);
  EXPECT_EQ((TensorSpec{Shape{kMax / 2}, DType::f16, Device::cpu()}.bytes()),
            static_cast<std::size_t>(kMax - 1));
}

TEST(TensorTest, MakesFillsAndClones) {
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  Tensor x = Tensor::from<float>(numbers, {2, 3});
  const Tensor y = x.clone();
  x.data<float>()[0] = 9;
  EXPECT_EQ(y.data<float>()[0], 1.0f);
  EXPECT_EQ(values<upconv::Float16>(Tensor::full({2}, 0.1, DType::f16))[1].bits, 0x2e66);
  EXPECT_THAT(values<std::int64_t>(Tensor::full({2}, -3.0, DType::i64)), ElementsAre(-3, -3));
  EXPECT_THAT(values<double>(Tensor::zeros({2}, DType::f64)), ElementsAre(0, 0));
  EXPECT_FALSE(Tensor().defined());
  EXPECT_FALSE(Tensor().clone().defined());
  EXPECT_EQ(values<float>(Tensor::empty({0, 3})).size(), 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.view().raw()) % upconv::Buffer::kAlignment, 0u);
  EXPECT_EQ(std::move(x).reshape({3, 2}).shape(), (Shape{3, 2}));
}

TEST(TensorTest, AccessIsCheckedByMessage) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THAT(message_of<DTypeError>([&] { x.data<double>(); }), HasSubstr("data<f64>() on a tensor of f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { x.view().reshape({7}); }),
              HasSubstr("cannot reshape [2,3] (6 elements) to [7] (7)"));
  const std::vector<float> two = {1, 2};
  EXPECT_EQ(message_of<ShapeError>([&] { Tensor::from<float>(two, {3}); }),
            "shape [3] holds 3 elements, got 2");
  EXPECT_THROW(Tensor::full({1}, NAN, DType::i64), ArgumentError);
  EXPECT_THROW(Tensor::full({1}, 1e19, DType::i64), ArgumentError);
  EXPECT_THROW(upconv::copy(Tensor::zeros({2}), x), ShapeError);
  EXPECT_THROW(upconv::copy(Tensor::zeros({2, 3}, DType::f16), x), DTypeError);
}

TEST(TensorTest, ConversionsRoundOnceToNearestEven) {
  // 1 + 2^-11 + 2^-40 lies just above a tie of f16; rounding through float first would lose the 2^-40.
  const std::vector<double> tie = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 1 + 0x1p-8 + 0x1p-50, 1e300, -0.0};
  const Tensor x = Tensor::from<double>(tie, {5});
  const Tensor half = x.to(DType::f16);
  EXPECT_EQ(half.data<upconv::Float16>()[0].bits, 0x3c01);
  EXPECT_EQ(half.data<upconv::Float16>()[1].bits, 0x3c00);
  EXPECT_EQ(half.data<upconv::Float16>()[3].bits, 0x7c00);
  EXPECT_EQ(half.data<upconv::Float16>()[4].bits, 0x8000);
  EXPECT_EQ(values<upconv::BFloat16>(x.to(DType::bf16))[2].bits, 0x3f81);
  EXPECT_EQ(values<std::int64_t>(Tensor::full({1}, 2.75).to(DType::i64))[0], 2);
  EXPECT_EQ(values<std::int64_t>(Tensor::full({1}, -2.75).to(DType::i64))[0], -2);
  EXPECT_EQ(message_of<DTypeError>([] { Tensor::full({1}, NAN).to(DType::i64); }),
            "value nan does not fit i64");
  EXPECT_EQ(values<float>(Tensor::full({1}, 7.0, DType::i64).to(DType::bf16).to(DType::f32))[0], 7.0f);
}

TEST(WorkspaceTest, GrowsOnceAndThenReuses) {
  upconv::Workspace workspace(Device::cpu());
  EXPECT_EQ(workspace.capacity(), 0u);
  const auto run = [&] {
    upconv::Workspace::Scope outer(workspace);
    auto* a = static_cast<char*>(outer.take(100));
    std::fill_n(a, 100, 'a');
    {
      upconv::Workspace::Scope inner(workspace);
      auto* b = static_cast<char*>(inner.take(1000));
      std::fill_n(b, 1000, 'b');
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % upconv::Buffer::kAlignment, 0u);
    }
    auto* c = static_cast<char*>(outer.take(50));
    std::fill_n(c, 50, 'c');
    EXPECT_EQ(a[99], 'a');
    EXPECT_EQ(outer.take({2, 2}, DType::f16).shape(), (Shape{2, 2}));
  };
  run();
  run();
  const std::size_t warm = workspace.capacity();
  EXPECT_GE(warm, 128u + 1024u);
  for (int i = 0; i < 3; ++i)
    run();
  EXPECT_EQ(workspace.capacity(), warm);
  upconv::Workspace::Scope scope(workspace);
  EXPECT_THROW(scope.take(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
}

TEST(DeviceTest, ParsesAsPyTorchSpellsThem) {
  EXPECT_EQ(Device::parse("cpu"), Device::cpu());
  EXPECT_EQ(Device::parse("cuda"), Device::cuda(0));
  EXPECT_EQ(Device::parse("cuda:12"), Device::cuda(12));
  EXPECT_EQ(Device::cuda(3).to_string(), "cuda:3");
  for (const char* bad : {"", "CPU", "cuda:", "cuda:-1", "cuda:1x", "cuda: 1", "cuda:99999999999", "gpu"}) {
    EXPECT_EQ(message_of<ArgumentError>([&] { Device::parse(bad); }),
              std::string("unknown device '") + bad + "': use cpu, cuda or cuda:<index>");
  }
  EXPECT_GE(upconv::device_caps(Device::cpu()).multiprocessors, 1);
  EXPECT_THROW(upconv::device_caps(Device::cuda(1000)), DeviceError);
}

}  // namespace
