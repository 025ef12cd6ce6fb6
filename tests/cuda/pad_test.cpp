#include <optional>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/pad.h>

// Padding on a GPU against the CPU's reference, at every alignment.

namespace upconv::test {
namespace {

using kernels::PadMode;
using kernels::PadProblem;

class CudaPad : public Gpu {
 protected:
  /// Runs every row of the table and compares it with the reference, bit for bit.
  void check(const PadProblem& problem, int x_offset, int y_offset) {
    SCOPED_TRACE(message(problem.to_string(), " at ", x_offset, ", ", y_offset));
    const Tensor host =
        random_tensor(problem.x_shape(), DType::f32, Values::exact, random_).to(problem.dtype);
    Tensor expected = Tensor::empty(problem.y_shape(), problem.dtype);
    kernels::pad(problem, {.x = host, .y = expected}, "test", plain_);
    const GuardedGpuTensor x(host, x_offset);
    for (const auto& row : kernels::pad_rows(Device::Type::cuda)) {
      if (!row.supports(problem.merged(), ctx_->caps()).supported) continue;
      const GuardedGpuTensor y(problem.y_shape(), problem.dtype, y_offset);
      row.launch(problem.merged(), {.x = x.view(), .y = y.view()}, *ctx_);
      EXPECT_TRUE(same_bits(y.values(), expected)) << row.name;
    }
  }
  void SetUp() override {
    Gpu::SetUp();
    if (!IsSkipped()) ctx_.emplace(ExecutionContextOptions{.device = Device::cuda(0)});
  }

  std::mt19937 random_{17};
  ExecutionContext plain_{ExecutionContextOptions{.kernels = {{"pad", "cpu.reference"}}}};
  std::optional<ExecutionContext> ctx_;
};

TEST_F(CudaPad, ImagesAtEveryAlignment) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i64}) {
    for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular}) {
      for (const std::int64_t width : {7, 16, 40, 65}) {
        for (std::int64_t left = 0; left < 5; ++left) {
          PadProblem problem{.mode = mode, .value = mode == PadMode::constant ? -2.5 : 0, .dtype = dtype};
          problem.add(3, 0, 0);
          problem.add(9, left, 2);
          problem.add(width, left, (left + width) % 4);
          check(problem, static_cast<int>(left + width) % 8, 0);
          check(problem, 0, static_cast<int>(left) % 3);
        }
      }
    }
  }
}

TEST_F(CudaPad, CropsAndManyDimensions) {
  for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate}) {
    PadProblem mixed{.mode = mode, .value = mode == PadMode::constant ? 4.0 : 0};
    mixed.add(6, -2, 3);
    mixed.add(50, 4, -7);
    mixed.add(30, -3, 5);
    check(mixed, 1, 0);
    mixed.dtype = DType::f16;
    check(mixed, 3, 0);
    PadProblem deep{.mode = mode};
    for (int dim = 0; dim < 8; ++dim)
      deep.add(3, dim % 3, 2 - dim % 3);
    check(deep, 0, 0);
    PadProblem rows{.mode = mode};  // the last dimension as it is
    rows.add(5, 2, 1);
    rows.add(3, 0, 0);
    check(rows, 0, 0);
  }
  PadProblem nothing{.value = 3};  // no element of x is left
  nothing.add(0, 70, 1);
  nothing.add(5, 0, 0);
  check(nothing, 0, 0);
}

/// A kernel that knows zeros alone keeps the layer: reflected padding stays a pass of its own.
TEST_F(CudaPad, RidesWhereTheConvolutionKeepsItsKernel) {
  const auto explained = [&](Sequential net) {
    net.initialize(1);
    net.prepare(*ctx_);
    return net.explain({{1, 32, 40, 64}, DType::f32, Device::cuda(0)}, *ctx_);
  };
  const auto conv = [](std::int64_t stride) {
    return Conv2d({.in_channels = 32, .out_channels = 32, .kernel_size = 3, .stride = stride});
  };
  Sequential zeros, mirrored, strided;
  zeros.append(ZeroPad2d({.padding = 1})).append(conv(1));
  mirrored.append(ReflectionPad2d({.padding = 1})).append(conv(1));
  strided.append(ReflectionPad2d({.padding = {0, 1, 0, 1}})).append(conv(2));
  EXPECT_THAT(explained(std::move(zeros)), ::testing::HasSubstr("in 1 step"));
  EXPECT_THAT(explained(std::move(strided)), ::testing::HasSubstr("in 1 step"));  // cuda.plain either way
  if (ctx_->caps().compute_capability < 80) return;
  EXPECT_THAT(explained(std::move(mirrored)),
              ::testing::AllOf(::testing::HasSubstr("in 2 steps"),
                               ::testing::HasSubstr("only for padding with zeros")));
}

TEST_F(CudaPad, ALargeImage) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    PadProblem problem{.mode = PadMode::reflect, .dtype = dtype};
    problem.add(17, 0, 0);
    problem.add(500, 3, 3);
    problem.add(1001, 3, 3);
    check(problem, 0, 0);
  }
}

}  // namespace
}  // namespace upconv::test
