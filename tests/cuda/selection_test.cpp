#include <array>

#include "cuda/support.h"
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>

#include <upconv/framework/cuda_check.h>
#include <upconv/kernels/channel_affine.h>
#include <upconv/kernels/linear.h>

// What needs no GPU: selection for devices that are not here, and the words of errors. Runs in CI.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using ::testing::AllOf;
using ::testing::HasSubstr;

DeviceCaps caps_of(int compute_capability) {
  return {.type = Device::Type::cuda,
          .name = message("a GPU of compute capability ", compute_capability),
          .compute_capability = compute_capability,
          .multiprocessors = 100,
          .shared_memory_per_block = 100 << 10,
          .memory_bytes = std::size_t{16} << 30};
}

std::string_view selected(std::string_view problem, int compute_capability) {
  const ConvProblem p = ConvProblem::parse(problem);
  return kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p,
                         caps_of(compute_capability), "")
      .name;
}

TEST(CudaSelection, MatrixProductsGoToCublasLtAndTheRestElsewhere) {
  for (const int capability : {75, 80, 86, 89, 90, 100, 120}) {
    EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32", capability), "cuda.cublaslt");
    EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_bf16", capability), "cuda.cublaslt");
    EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s2x2_p0x0_op0x0_d1x1_g1_f32", capability), "cuda.plain");
    EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_op0x0_d1x1_g2_f32", capability),
              capability < 80 ? "cuda.plain" : "cuda.direct_mma.fp32.sm80");
    EXPECT_EQ(selected("n1ci8ih8iw8co3kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32", capability), "cuda.plain");
    EXPECT_EQ(selected("n1ci16ih65536iw65536co16kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f16", capability),
              capability < 80 ? "cuda.plain" : "cuda.direct_mma.f16.sm80");
  }
  EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32", 70), "cuda.plain");
}

TEST(CudaSelection, EveryProblemHasARowOnEveryGpu) {
  for (const ConvProblem& problem : gpu_problems()) {
    for (const int capability : {60, 80, 90, 120}) {
      const auto rows = kernels::convolution_rows(Device::Type::cuda);
      EXPECT_TRUE(rows.back().supports(problem, caps_of(capability)).supported);
    }
  }
  EXPECT_EQ(kernels::linear_rows(Device::Type::cuda).back().name, "cuda.plain");
  EXPECT_EQ(kernels::activation_rows(Device::Type::cuda).size(), 1u);
  EXPECT_EQ(kernels::channel_affine_rows(Device::Type::cuda).size(), 1u);
}

struct FakeOperands {};
using FakeRow = kernels::KernelRow<ConvProblem, FakeOperands>;

TEST(CudaErrors, NameLayerKernelAndProblem) {
  static constexpr std::array kRows = {
      FakeRow{"cuda.fake", [](const ConvProblem&, const DeviceCaps&) { return kernels::Verdict::yes(); },
              [](const ConvProblem&, const ExecutionContext&) { return std::size_t{0}; },
              [](const ConvProblem&, const FakeOperands&, ExecutionContext&) {
                cuda::check(cudaErrorInvalidConfiguration, "cudaLaunchKernelEx");
              }}};
  ExecutionContext ctx;
  const ConvProblem problem = ConvProblem::parse("n1ci2ih3iw4co5kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32");
  try {
    kernels::run("conv_transpose2d", std::span<const FakeRow>(kRows), problem, FakeOperands{},
                 "ConvTranspose2d 'decoder.0'", ctx);
    FAIL() << "nothing was thrown";
  } catch (const CudaError& error) {
    EXPECT_STREQ(
        error.what(),
        "ConvTranspose2d 'decoder.0': kernel cuda.fake on conv_transpose2d "
        "n1ci2ih3iw4co5kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32: cudaLaunchKernelEx failed: invalid configuration "
        "argument (cudaErrorInvalidConfiguration)");
  }
}

TEST(CudaErrors, SayWhatToDo) {
  const auto text = [](cudaError_t status) {
    try {
      cuda::check(status, "cudaLaunchKernelEx");
    } catch (const CudaError& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(text(cudaErrorNoKernelImageForDevice), HasSubstr("holds no code for this GPU"));
  EXPECT_THAT(text(cudaErrorNoKernelImageForDevice), HasSubstr("CMAKE_CUDA_ARCHITECTURES="));
  EXPECT_THAT(text(cudaErrorInsufficientDriver), HasSubstr("update the NVIDIA driver"));
  EXPECT_THAT(text(cudaErrorIllegalAddress), HasSubstr("a kernel that ran earlier"));
}

TEST(CudaErrors, WithoutAGpuTheReasonIsGivenAndTheCpuWorks) {
  if (cuda_device_count() > 0) GTEST_SKIP() << "there is a GPU here";
  try {
    ExecutionContext ctx({.device = Device::cuda(0)});
    FAIL() << "a context on no GPU";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cuda:0 is not available"), HasSubstr("use the CPU")));
  }
  ExecutionContext cpu;
  ReLU layer;
  layer.prepare(cpu);
  EXPECT_EQ(layer.forward(Tensor::full({3}, -1.0), cpu).numel(), 3);
  EXPECT_THROW(ExecutionContext({.device = Device::cpu(), .stream = &cpu}), ArgumentError);
}

}  // namespace
}  // namespace upconv::test
