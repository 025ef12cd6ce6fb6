#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <nvtx3/nvToolsExt.h>

#include <upconv/kernels/selection.h>
#include <upconv/upconv.h>

// What a profiler sees: a range for every kernel, named as its row, and closed whatever happens. Needs no
// GPU.

namespace {

std::vector<std::string> seen;  // every range that was opened
int depth = 0;

int push(const char* name) {
  seen.emplace_back(name);
  return depth++;
}
int pop() {
  return --depth;
}

int attach(NvtxGetExportTableFunc_t export_table) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(export_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable functions = nullptr;
  unsigned int count = 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &functions, &count) == 0) return 0;
  *functions[NVTX_CBID_CORE_RangePushA] = reinterpret_cast<NvtxFunctionPointer>(&push);
  *functions[NVTX_CBID_CORE_RangePop] = reinterpret_cast<NvtxFunctionPointer>(&pop);
  return 1;
}

/// NVTX looks here for a profiler within the program, at its first call.
const bool attached = (InitializeInjectionNvtx2_fnptr = attach) != nullptr;

}  // namespace

namespace upconv::test {
namespace {

std::vector<std::string> traced_kernels(Device device) {
  Sequential net;
  net.append(ConvTranspose2d({.in_channels = 4, .out_channels = 8, .kernel_size = 3, .padding = 1}))
      .append(BatchNorm2d({.num_features = 8}))
      .append(Linear({.in_features = 6, .out_features = 5}))
      .append(Tanh());
  std::vector<std::string> kernels;
  ExecutionContext ctx(
      {.device = device, .trace = [&](const TraceEvent& event) { kernels.emplace_back(event.kernel); }});
  net.initialize();
  net.prepare(ctx);
  seen.clear();
  static_cast<void>(net.forward(Tensor::zeros({1, 4, 5, 6}).to(device), ctx));
  ctx.synchronize();
  return kernels;
}

TEST(Profiler, SeesEveryKernelByItsName) {
  ASSERT_TRUE(attached);
  const std::vector<std::string> kernels = traced_kernels(Device::cpu());
  EXPECT_EQ(kernels.size(), 3u);  // the convolution takes the normalisation over
  EXPECT_EQ(kernels, seen);
  EXPECT_EQ(depth, 0);
}

TEST(Profiler, SeesEveryKernelOnTheGpu) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device here";
  const std::vector<std::string> kernels = traced_kernels(Device::cuda(0));
  EXPECT_EQ(kernels.size(), 3u);  // the convolution takes the normalisation over
  EXPECT_EQ(kernels, seen);
  EXPECT_EQ(depth, 0);
}

struct Nothing {
  std::string to_string() const { return "nothing"; }
};
void validate(const Nothing&) {}
using Row = kernels::KernelRow<Nothing, Nothing>;

TEST(Profiler, RangesEndWhenAKernelThrows) {
  static constexpr Row kRows[] = {
      {"cpu.broken", [](const Nothing&, const DeviceCaps&) { return kernels::Verdict::yes(); },
       [](const Nothing&, const ExecutionContext&) { return std::size_t{0}; },
       [](const Nothing&, const Nothing&, ExecutionContext&) { throw CudaError("broken"); }}};
  ExecutionContext ctx;
  seen.clear();
  EXPECT_THROW(kernels::run("linear", std::span<const Row>(kRows), Nothing(), Nothing(), "", ctx), CudaError);
  EXPECT_THAT(seen, ::testing::ElementsAre("cpu.broken"));
  EXPECT_EQ(depth, 0);
}

}  // namespace
}  // namespace upconv::test
