#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/support.h"
#include "kernels/allocations.h"
#include <cuda_runtime.h>
#include <gmock/gmock.h>

#include <upconv/framework/cuda_interop.h>

// A network that meets every kind of kernel, in every type and precision: from many threads and streams at
// once, on a stream of the caller's, and in CUDA graphs, always with the bits of a plain run.

namespace upconv::test {
namespace {

struct Arithmetic {
  DType dtype;
  Precision precision = Precision::fp32;

  std::string name() const {
    return std::string(precision == Precision::tf32 ? name_of(precision) : name_of(dtype));
  }
  friend void PrintTo(const Arithmetic& arithmetic, std::ostream* out) { *out << arithmetic.name(); }
};

constexpr Arithmetic kArithmetics[] = {
    {DType::f32}, {DType::f32, Precision::tf32}, {DType::f16}, {DType::bf16}};

class CudaStreams : public Gpu, public ::testing::WithParamInterface<Arithmetic> {
 protected:
  static constexpr Device kGpu = Device::cuda(0);
  Random random_{16};

  ExecutionContextOptions options() const { return {.device = kGpu, .precision = GetParam().precision}; }

  /// Direct convolutions of several sizes, a strided one, a normalisation that no convolution takes over,
  /// and, unless told otherwise, matrix products.
  Sequential network(bool with_products = true) {
    Sequential net;
    net.append(Conv2d({.in_channels = 8, .out_channels = 32, .kernel_size = 3, .padding = 1}))
        .append(PReLU({.num_parameters = 32}))
        .append(ConvTranspose2d(
            {.in_channels = 32, .out_channels = 32, .kernel_size = {3, 7}, .padding = {1, 3}}))
        .append(LeakyReLU())
        .append(ConvTranspose2d(
            {.in_channels = 32, .out_channels = 16, .kernel_size = 4, .stride = 2, .padding = 1}))
        .append(BatchNorm2d({.num_features = 16}))
        .append(Conv2d({.in_channels = 16, .out_channels = 16, .kernel_size = 5, .padding = 2, .groups = 2}))
        .append(Sigmoid())
        .append(BatchNorm2d({.num_features = 16}));
    if (with_products) {
      net.append(Conv2d({.in_channels = 16, .out_channels = 12, .kernel_size = 1}))
          .append(Linear({.in_features = 78, .out_features = 20}));
    }
    StateDict weights;
    for (const EntrySpec& entry : net.entries()) {
      Tensor value = random_tensor(entry.shape, DType::f32, Values::normal, random_);
      for (float& v : value.data<float>())
        v = entry.name.ends_with("running_var") ? 0.5f + std::abs(v) : 0.1f * v;
      weights.insert(entry.name,
                     entry.dtype == DType::i64 ? Tensor::zeros(entry.shape, DType::i64) : std::move(value));
    }
    net.load(weights);
    net.to(GetParam().dtype);
    return net;
  }
  Tensor input(std::int64_t n) {
    return random_tensor({n, 8, 21, 39}, GetParam().dtype, Values::normal, random_);
  }
};

TEST_P(CudaStreams, TheNetworkMeetsEveryKindOfKernel) {
  std::set<std::string> kernels;
  ExecutionContextOptions traced = options();
  traced.trace = [&](const TraceEvent& event) { kernels.emplace(event.kernel); };
  ExecutionContext ctx(std::move(traced));
  Sequential net = network();
  net.prepare(ctx);
  static_cast<void>(net.forward(input(1).to(kGpu), ctx));
  EXPECT_THAT(kernels, ::testing::IsSupersetOf({"cuda.cublaslt", "cuda.elementwise"}));
  if (ctx.caps().compute_capability == 90) {
    EXPECT_THAT(kernels, ::testing::Contains(::testing::StartsWith("cuda.direct")));
  }
  ctx.synchronize();
}

TEST_P(CudaStreams, ManyThreadsAndStreamsGiveTheBitsOfOne) {
  constexpr std::size_t kThreads = 8, kInputs = 3, kRuns = 12;
  Sequential net = network();
  ExecutionContext serial(options());
  net.prepare(serial);
  std::vector<Tensor> inputs, expected;
  for (std::size_t i = 0; i < kInputs; ++i) {
    inputs.push_back(input(1 + static_cast<std::int64_t>(i)));
    expected.push_back(net.forward(inputs.back().to(kGpu), serial).to(Device::cpu()));
  }
  const Sequential& shared = net;
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext ctx(options());
      for (std::size_t run = 0; run < kRuns; ++run) {
        const std::size_t i = (t + run) % kInputs;
        Tensor x = Tensor::empty(inputs[i].shape(), inputs[i].dtype(), ctx);
        ctx.copy(x, inputs[i]);
        const Tensor y = shared.forward(x, ctx);
        Tensor host = Tensor::empty(y.shape(), y.dtype());
        ctx.copy(host, y);
        wrong[t] += !same_bits(host, expected[i]);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<int>(kThreads, 0));
}

TEST_P(CudaStreams, TheCallersStreamGivesTheSameBits) {
  Sequential net = network();
  ExecutionContext own(options());
  net.prepare(own);
  const Tensor x = input(2), expected = net.forward(x.to(kGpu), own).to(Device::cpu());
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  for (const cudaStream_t each : {stream, cudaStreamPerThread, cudaStreamLegacy}) {
    ExecutionContext ctx(cuda::on_stream(each, options()));
    Tensor gpu_x = Tensor::empty(x.shape(), x.dtype(), ctx),
           host = Tensor::empty(expected.shape(), x.dtype());
    ctx.copy(gpu_x, x);
    ctx.copy(host, net.forward(gpu_x, ctx));
    EXPECT_TRUE(same_bits(host, expected));
    ctx.synchronize();
  }
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_P(CudaStreams, NothingWaits) {
  Sequential net = network();
  ExecutionContext ctx(options());
  net.prepare(ctx);
  const Tensor x = input(2), expected = net.forward(x.to(kGpu), ctx).to(Device::cpu());
  Tensor gpu_x = x.to(kGpu), y = Tensor::empty(expected.shape(), x.dtype(), ctx),
         host = Tensor::empty(expected.shape(), x.dtype());
  ctx.synchronize();

  // Not for the context's stream, ...
  std::atomic<bool> go = false;
  const auto wait_for_go = [](void* flag) {
    for (int i = 0; i < 5000 && !*static_cast<std::atomic<bool>*>(flag); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  ASSERT_EQ(cudaLaunchHostFunc(cuda::stream_of(ctx), wait_for_go, &go), cudaSuccess);
  net.forward_into(gpu_x, y, ctx);
  { const Tensor temporary = net.forward(gpu_x, ctx); }
  EXPECT_EQ(cudaStreamQuery(cuda::stream_of(ctx)), cudaErrorNotReady) << "a run waited for its stream";
  go = true;
  ctx.copy(host, y);
  EXPECT_TRUE(same_bits(host, expected));

  // ... and not for the default stream, on which nothing of the library runs.
  go = false;
  ASSERT_EQ(cudaLaunchHostFunc(cudaStreamLegacy, wait_for_go, &go), cudaSuccess);
  ctx.copy(gpu_x, x);
  net.forward_into(gpu_x, y, ctx);
  { const Tensor temporary = net.forward(gpu_x, ctx); }
  ctx.copy(host, y);
  ctx.synchronize();
  EXPECT_EQ(cudaStreamQuery(cudaStreamLegacy), cudaErrorNotReady) << "a run waited for the default stream";
  go = true;
  EXPECT_TRUE(same_bits(host, expected));
  EXPECT_EQ(cudaStreamSynchronize(cudaStreamLegacy), cudaSuccess);
}

TEST_P(CudaStreams, AGraphReplaysOnNewInputs) {
  Sequential net = network();
  ExecutionContext ctx(options());
  net.prepare(ctx);
  Tensor x = input(2).to(kGpu), y = net.forward(x, ctx);  // one run is enough to warm up
  const cudaStream_t stream = cuda::stream_of(ctx);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  net.forward_into(x, y, ctx);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ExecutionContext eager(options());
  for (int repeat = 0; repeat < 4; ++repeat) {
    const Tensor fresh = input(2);
    ctx.copy(x, fresh);
    ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    Tensor host = Tensor::empty(y.shape(), y.dtype());
    ctx.copy(host, y);
    EXPECT_TRUE(same_bits(host, net.forward(fresh.to(kGpu), eager).to(Device::cpu()))) << repeat;
  }
  ctx.synchronize();
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

/// Nor on the host. cuBLASLt is not asked: what it does inside is its own.
TEST_P(CudaStreams, AWarmForwardIntoAllocatesNothing) {
  if (!counts_allocations()) GTEST_SKIP() << "this build's malloc cannot be counted";
  Sequential net = network(false);
  ExecutionContext ctx(options());
  net.prepare(ctx);
  const Tensor x = input(2).to(kGpu);
  Tensor y = net.forward(x, ctx);
  ctx.synchronize();
  const std::size_t scratch = ctx.workspace().capacity();
  std::size_t fewest = SIZE_MAX;  // the driver's own threads may allocate now and then
  for (int run = 0; run < 5; ++run) {
    const std::size_t before = allocation_count();
    net.forward_into(x, y, ctx);
    fewest = std::min(fewest, allocation_count() - before);
  }
  EXPECT_EQ(fewest, 0u);
  EXPECT_EQ(ctx.workspace().capacity(), scratch);
  ctx.synchronize();
}

INSTANTIATE_TEST_SUITE_P(, CudaStreams, ::testing::ValuesIn(kArithmetics),
                         [](const auto& instance) { return instance.param.name(); });

}  // namespace
}  // namespace upconv::test
