#include <array>

#include "cuda/support.h"
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>

#include <upconv/framework/cuda_check.h>
#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>

// What needs no GPU: selection for devices that are not here, and the words of errors. Runs in CI.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string_view selected(std::string_view problem, int compute_capability) {
  return test::selected(problem, gpu_of(compute_capability));
}

TEST(CudaSelection, MatrixProductsGoToCublasLtAndNothingElse) {
  for (const int capability : {75, 80, 86, 89, 90, 100, 120}) {
    for (const char* product : {"n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
                                "n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_bf16"}) {
      EXPECT_EQ(selected(product, capability), "cuda.cublaslt") << product;
    }
    for (const char* other : {"n1ci64ih8iw8co32kh1kw1_s2x2_p0x0_op0x0_d1x1_g1_f32",
                              "n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_op0x0_d1x1_g2_f32",
                              "n1ci8ih8iw8co3kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",
                              "n1ci16ih65536iw65536co16kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f16"}) {
      EXPECT_NE(selected(other, capability), "cuda.cublaslt") << other;
    }
  }
  EXPECT_EQ(selected("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32", 70), "cuda.plain");
}

TEST(CudaSelection, EveryProblemHasARowOnEveryGpu) {
  for (const ConvProblem& problem : gpu_problems()) {
    for (const int capability : {60, 80, 90, 120}) {
      const auto rows = kernels::convolution_rows(Device::Type::cuda);
      EXPECT_TRUE(rows.back().supports(problem, gpu_of(capability)).supported);
    }
  }
  EXPECT_EQ(kernels::linear_rows(Device::Type::cuda).back().name, "cuda.plain");
  EXPECT_EQ(kernels::pointwise_rows(Device::Type::cuda).size(), 1u);
}

constexpr int kCapabilities[] = {70, 75, 80, 86, 89, 90, 100, 103, 120};

/// Calls visit(problem, capability) for every problem, GPU, type and precision.
template <class Visit>
void for_each_choice(Visit&& visit) {
  for (ConvProblem p : gpu_problems()) {
    for (const DType dtype : kComputeDTypes) {
      for (const Precision precision : {Precision::fp32, Precision::tf32}) {
        p.dtype = dtype;
        p.precision = precision;
        for (const int capability : kCapabilities)
          visit(p, capability);
      }
    }
  }
}

/// The compute capability in a row's name: 90 of "cuda.direct_wgmma.fp32.sm90"; 0 if there is none.
int named_capability(std::string_view row) {
  const std::size_t dot = row.rfind(".sm");
  return dot == std::string_view::npos ? 0 : std::stoi(std::string(row.substr(dot + 3)));
}

TEST(CudaSelection, EveryRowThatIsRefusedSaysWhy) {
  for_each_choice([](const ConvProblem& p, int capability) {
    for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
      const kernels::Verdict verdict = row.supports(p, gpu_of(capability));
      ASSERT_NE(verdict.supported, !verdict.reason.empty()) << row.name << ' ' << p.to_string();
    }
  });
}

TEST(CudaSelection, ARowRunsOnNoGpuOlderThanItsName) {
  for_each_choice([](const ConvProblem& p, int capability) {
    for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
      if (capability >= named_capability(row.name)) continue;
      const DeviceCaps roomy = gpu_of(capability, 227);
      ASSERT_FALSE(row.supports(p, roomy).supported) << row.name << " on " << capability;
    }
  });
}

/// TF32 is asked for, and a row of a type takes that type only.
TEST(CudaSelection, NothingChangesThePrecisionSilently) {
  for_each_choice([](const ConvProblem& p, int capability) {
    const DeviceCaps roomy = gpu_of(capability, 227);
    for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
      if (!row.supports(p, roomy).supported) continue;
      const auto computes = [&](std::string_view type) {
        return row.name.find(message('.', type)) != std::string_view::npos;
      };
      const bool named = computes("fp32") || computes("tf32") || computes("f16") || computes("bf16");
      if (!named) continue;  // serves every type in its own precision
      const bool f32 = p.dtype == DType::f32;
      ASSERT_TRUE((!computes("tf32") || (f32 && p.precision == Precision::tf32)) &&
                  (!computes("fp32") || f32) && (!computes("f16") || p.dtype == DType::f16) &&
                  (!computes("bf16") || p.dtype == DType::bf16))
          << row.name << ' ' << p.to_string();
    }
  });
}

TEST(CudaSelection, BeforeAmpereThereAreProductsAndThePlainRow) {
  for_each_choice([](const ConvProblem& p, int capability) {
    if (capability >= 80) return;
    const std::string_view row =
        kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, gpu_of(capability), "")
            .name;
    if (row == "cuda.cublaslt") {
      ASSERT_TRUE(capability == 75 && p.kh == 1 && p.kw == 1) << p.to_string();
    } else {
      ASSERT_EQ(row, "cuda.plain") << p.to_string();
    }
  });
}

TEST(CudaSelection, AForcedRowThatDoesNotFitSaysWhy) {
  const std::string flagship = "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_";
  const auto refusal = [](const std::string& problem, int capability, std::string_view row,
                          std::size_t shared_kilobytes = 227) -> std::string {
    const ConvProblem p = ConvProblem::parse(problem);
    const DeviceCaps caps = gpu_of(capability, shared_kilobytes);
    try {
      static_cast<void>(
          kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, caps, row).name);
    } catch (const ArgumentError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  constexpr std::string_view kFp32 = "cuda.direct_wgmma.fp32.sm90", kF16 = "cuda.direct_wgmma.f16.sm90";
  EXPECT_THAT(refusal(flagship + "f32", 90, "cuda.fastest"),
              AllOf(HasSubstr("there is no kernel 'cuda.fastest'"), HasSubstr(std::string(kFp32)),
                    HasSubstr("cuda.plain")));
  EXPECT_THAT(refusal(flagship + "f32", 80, "cuda.cublaslt"),
              HasSubstr("conv_transpose2d: forced kernel 'cuda.cublaslt' does not fit " + flagship +
                        "f32: only for 1x1 kernels"));
  EXPECT_THAT(refusal("n1ci64ih8iw8co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32", 70, "cuda.cublaslt"),
              HasSubstr("cuBLASLt needs compute capability 7.5"));
  for (const int capability : {70, 75, 80, 86, 89, 100, 120}) {
    EXPECT_THAT(refusal(flagship + "f32", capability, kFp32),
                AllOf(HasSubstr("forced kernel"), HasSubstr("does not fit"),
                      AnyOf(HasSubstr("only for compute capability 9.0 (Hopper)"),
                            HasSubstr("this build holds no code for sm_90a"))))
        << capability;
  }
  if (!is_built("direct_wgmma")) GTEST_SKIP() << "this build holds no code for sm_90a";
  EXPECT_THAT(refusal(flagship + "f32", 90, kFp32, 100), HasSubstr("227 KB of shared memory"));
  EXPECT_THAT(refusal(flagship + "f32", 90, kF16), HasSubstr("for another type or precision"));
  EXPECT_THAT(refusal(flagship + "tf32", 90, kFp32), HasSubstr("for another type or precision"));
  EXPECT_THAT(refusal("n1ci32ih64iw64co32kh3kw3_s2x2_p1x1_op0x0_d1x1_g1_f16", 90, kF16),
              HasSubstr("only for stride 1"));
  EXPECT_THAT(refusal("n1ci32ih64iw64co32kh3kw3_s1x1_p1x1_reflect_d1x1_g1_f16", 90, kF16),
              HasSubstr("only for padding with zeros"));
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
  EXPECT_THAT(text(cudaErrorUnsupportedPtxVersion), HasSubstr("holds no code for this GPU"));
  EXPECT_THAT(text(cudaErrorIllegalAddress), HasSubstr("a kernel that ran earlier"));
  EXPECT_THAT(text(cudaErrorStreamCaptureUnsupported), HasSubstr("while a CUDA graph is being captured"));
}

TEST(CudaErrors, OfADriverSayWhatToDo) {
  EXPECT_EQ(cuda::why_unavailable(0, cudaErrorInsufficientDriver, 0, 13000),
            "cuda:0 is not available: there is no NVIDIA driver on this machine. Install it, or use the CPU");
  EXPECT_EQ(
      cuda::why_unavailable(1, cudaErrorInsufficientDriver, 11080, 13000),
      "cuda:1 is not available: the NVIDIA driver supports CUDA 11.8, this build needs CUDA 13.0. Update "
      "the driver, or use the CPU");
  EXPECT_THAT(cuda::why_unavailable(0, cudaErrorInitializationError, 12040, 13000),
              HasSubstr("the NVIDIA driver supports CUDA 12.4, this build needs CUDA 13.0"));
  EXPECT_EQ(cuda::why_unavailable(0, cudaErrorNoDevice, 13000, 13000),
            "cuda:0 is not available: this process sees no CUDA device. Check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, or use the CPU");
  EXPECT_THAT(cuda::why_unavailable(0, cudaErrorInitializationError, 13000, 13000),
              AllOf(HasSubstr("(cudaErrorInitializationError)"), HasSubstr("Check nvidia-smi")));
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
