#include <fstream>
#include <string>

#include <gmock/gmock.h>

#include <upconv/upconv.h>

// A build for GPUs older than compute capability 8.0: the stand-ins for both families of kernels on matrix
// units are linked into this program. And what a CUDA build loads while it runs on the CPU: no test here uses
// a GPU.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::ConvRow;

DeviceCaps hopper() {
  return {.type = Device::Type::cuda,
          .name = "a Hopper",
          .compute_capability = 90,
          .multiprocessors = 132,
          .shared_memory_per_block = 227 << 10};
}

constexpr const char* kFlagship[] = {"n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                                     "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_tf32",
                                     "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f16",
                                     "n8ci32ih512iw1024co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_bf16"};

TEST(CudaStandIns, RowsStayInTheTableAndSayWhyTheyCannotRun) {
  int mma = 0, wgmma = 0;
  for (const char* text : kFlagship) {
    for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
      const kernels::Verdict verdict = row.supports(ConvProblem::parse(text), hopper());
      if (row.name.find("direct_mma") != std::string_view::npos) {
        EXPECT_EQ(verdict.reason, "this build holds no code for sm_80 or newer") << row.name;
        ++mma;
      } else if (row.name.find("direct_wgmma") != std::string_view::npos) {
        EXPECT_EQ(verdict.reason, "this build holds no code for sm_90a") << row.name;
        ++wgmma;
      } else {
        EXPECT_NE(row.launch, nullptr) << row.name;
      }
    }
  }
  EXPECT_EQ(mma, 16);
  EXPECT_EQ(wgmma, 16);
}

TEST(CudaStandIns, OtherRowsAreTaken) {
  for (const char* text : kFlagship) {
    const ConvProblem p = ConvProblem::parse(text);
    EXPECT_EQ(kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, hopper(), "").name,
              "cuda.plain");
  }
  const ConvProblem p = ConvProblem::parse(kFlagship[0]);
  try {
    kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, hopper(),
                    "cuda.direct_mma.fp32.sm80");
    FAIL() << "nothing was thrown";
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("this build holds no code for sm_80 or newer"));
  }
}

/// CUDA's libraries take 200 MB and half a second.
TEST(CudaBuild, RunningOnTheCpuLoadsNothingOfCuda) {
  Conv2d layer({.in_channels = 3, .out_channels = 16, .kernel_size = 1});
  StateDict weights;
  weights.insert("weight", Tensor::full({16, 3, 1, 1}, 0.5));
  weights.insert("bias", Tensor::full({16}, 1.0));
  layer.load(weights);
  ExecutionContext ctx;
  layer.prepare(ctx);
  const Tensor y = layer.forward(Tensor::full({1, 3, 8, 8}, 1.0), ctx);
  EXPECT_EQ(y.data<float>()[0], 2.5f);
  std::ifstream maps("/proc/self/maps");
  ASSERT_TRUE(maps.is_open());
  for (std::string line; std::getline(maps, line);) {
    EXPECT_EQ(line.find("libcublas"), std::string::npos) << line;
    EXPECT_EQ(line.find("libcuda"), std::string::npos) << line;
    EXPECT_EQ(line.find("libnv"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace upconv::test
