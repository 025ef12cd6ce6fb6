#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "cuda/support.h"
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <upconv/framework/cuda_interop.h>

// Streams, memory, copies, graphs, threads and errors.

namespace upconv::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CudaRuntime : public Gpu {
 protected:
  static constexpr Device kGpu = Device::cuda(0);
  Random random_{13};

  /// Something with scratch, fusion and more than one kernel.
  Sequential network() {
    Sequential net;
    net.append(Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}))
        .append(ReLU())
        .append(ConvTranspose2d(
            {.in_channels = 8, .out_channels = 8, .kernel_size = 4, .stride = 2, .padding = 1}))
        .append(BatchNorm2d({.num_features = 8}))
        .append(Conv2d({.in_channels = 8, .out_channels = 2, .kernel_size = 1}));
    StateDict weights;
    for (const EntrySpec& entry : net.entries()) {
      weights.insert(entry.name, entry.dtype == DType::i64 ? Tensor::zeros(entry.shape, DType::i64)
                                                           : absolute(random_tensor(entry.shape, DType::f32,
                                                                                    Values::exact, random_)));
    }
    net.load(weights);
    return net;
  }
  Tensor input(std::int64_t n = 2) {
    return random_tensor({n, 3, 12, 20}, DType::f32, Values::exact, random_);
  }

  Tensor on_cpu(Sequential& net, const Tensor& x) {
    ExecutionContext ctx;
    net.prepare(ctx);
    return net.forward(x, ctx);
  }
};

/// Keeps a stream busy long enough for mistakes in ordering to show.
void delay(cudaStream_t stream) {
  ASSERT_EQ(cudaLaunchHostFunc(
                stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }, nullptr),
            cudaSuccess);
}

testing::AssertionResult close(const Tensor& actual, const Tensor& expected) {
  Tensor bound = Tensor::full(expected.shape(), 65536.0);
  return nearly_equal(actual, expected, bound, 0x1p-21);
}

TEST_F(CudaRuntime, ForwardReturnsAtOnceAndCopiesWait) {
  Sequential net = network();
  const Tensor x = input(), expected = on_cpu(net, x);
  ExecutionContext ctx({.device = kGpu});
  net.prepare(ctx);
  const Tensor gpu_x = x.to(kGpu);
  static_cast<void>(net.forward(gpu_x, ctx));
  delay(cuda::stream_of(ctx));
  const Tensor y = net.forward(gpu_x, ctx);
  EXPECT_EQ(cudaStreamQuery(cuda::stream_of(ctx)), cudaErrorNotReady) << "forward waited for the stream";
  EXPECT_TRUE(close(y.to(Device::cpu()), expected));  // no word of synchronisation
  delay(cuda::stream_of(ctx));
  const Tensor again = net.forward(gpu_x, ctx);
  EXPECT_TRUE(close(again.clone().to(Device::cpu()), expected));
  delay(cuda::stream_of(ctx));
  const Tensor third = net.forward(gpu_x, ctx);
  Tensor host = Tensor::empty(third.shape());
  ctx.copy(host, third);
  EXPECT_TRUE(close(host, expected));
  EXPECT_EQ(cudaStreamQuery(cudaStreamLegacy), cudaSuccess);
}

TEST_F(CudaRuntime, TemporariesMayGoAwayWhileKernelsUseThem) {
  Sequential net = network();
  const Tensor x = input(), expected = on_cpu(net, x), other = input();
  ExecutionContext ctx({.device = kGpu});
  net.prepare(ctx);
  for (int repeat = 0; repeat < 5; ++repeat) {
    delay(cuda::stream_of(ctx));
    const Tensor y = net.forward(x.to(kGpu), ctx);        // the input dies before the kernels start
    static_cast<void>(net.forward(other.to(kGpu), ctx));  // so does this output; its memory is used again
    Tensor fresh = Tensor::empty(x.shape(), DType::f32, ctx);  // and this one may have been either
    ctx.copy(fresh, other);
    EXPECT_TRUE(close(y.to(Device::cpu()), expected));
  }
}

TEST_F(CudaRuntime, TensorsMayOutliveTheirContext) {
  Sequential net = network();
  const Tensor x = input(), expected = on_cpu(net, x);
  Tensor y;
  {
    ExecutionContext ctx({.device = kGpu});
    net.prepare(ctx);
    delay(cuda::stream_of(ctx));
    y = net.forward(x.to(kGpu), ctx);
  }
  EXPECT_TRUE(close(y.to(Device::cpu()), expected));
}

TEST_F(CudaRuntime, CopiesOfEverySize) {
  ExecutionContext ctx({.device = kGpu});
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000},
                                   std::int64_t{1} << 20, (std::int64_t{3} << 20) + 17}) {
    const Tensor x = random_tensor({count}, DType::f32, Values::normal, random_);
    EXPECT_TRUE(same_bits(x.to(kGpu).to(Device::cpu()), x));
    EXPECT_TRUE(same_bits(x.to(kGpu).clone().to(Device::cpu()), x));
    Tensor up = Tensor::empty({count}, DType::f32, ctx), across = Tensor::empty({count}, DType::f32, kGpu);
    Tensor down = Tensor::empty({count}), changed = x.clone();
    delay(cuda::stream_of(ctx));
    ctx.copy(up, changed);
    std::memset(changed.view().raw(), 0xff, changed.spec().bytes());  // the copy has taken what it needs
    ctx.copy(across, up);
    ctx.copy(down, across);
    EXPECT_TRUE(same_bits(down, x)) << count;
  }
  const Tensor zeros = Tensor::zeros({3, 5}, DType::f16, kGpu),
               ones = Tensor::full({3, 5}, 1.0, DType::bf16, kGpu);
  EXPECT_EQ(to_doubles(zeros.to(Device::cpu())), std::vector<double>(15, 0.0));
  EXPECT_EQ(to_doubles(ones.to(Device::cpu())), std::vector<double>(15, 1.0));
  Tensor short_one = Tensor::empty({2});
  EXPECT_THROW(ctx.copy(short_one, zeros), ShapeError);
}

TEST_F(CudaRuntime, ForwardIntoIsCapturedAndReplayed) {
  Sequential net = network();
  Tensor x = input().to(kGpu);
  ExecutionContext ctx({.device = kGpu});
  net.prepare(ctx);
  Tensor y = net.forward(x, ctx);  // one run is enough to warm up
  ctx.synchronize();
  std::size_t free_before = 0, free_after = 0, total = 0;
  const std::size_t scratch = ctx.workspace().capacity();
  ASSERT_EQ(cudaMemGetInfo(&free_before, &total), cudaSuccess);

  const cudaStream_t stream = cuda::stream_of(ctx);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  net.forward_into(x, y, ctx);  // would throw if it had to allocate, and spoil the capture if it waited
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const Tensor fresh = input(), expected = on_cpu(net, fresh);
    net.prepare(
        ctx);  // on_cpu prepared it elsewhere; the graph keeps to the memory it captured, so capture again
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    net.forward_into(x, y, ctx);
    ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    ctx.copy(x, fresh);
    for (int launch = 0; launch < 3; ++launch)
      ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
    EXPECT_TRUE(close(y.to(Device::cpu()), expected));
    net.forward_into(x, y, ctx);
    EXPECT_TRUE(close(y.to(Device::cpu()), expected));
  }
  for (int repeat = 0; repeat < 20; ++repeat)
    net.forward_into(x, y, ctx);
  ctx.synchronize();
  EXPECT_EQ(ctx.workspace().capacity(), scratch);
  ASSERT_EQ(cudaMemGetInfo(&free_after, &total), cudaSuccess);
  EXPECT_GE(free_after + (std::size_t{64} << 20), free_before) << "runs took device memory";
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

TEST_F(CudaRuntime, CaptureRefusesWhatWouldAllocate) {
  Sequential net = network();
  const Tensor x = input().to(kGpu);
  ExecutionContext ctx({.device = kGpu});
  net.prepare(ctx);
  Tensor y = Tensor::empty(net.output_spec(x.spec()).shape, DType::f32, kGpu),
         host = Tensor::empty(x.shape());
  const cudaStream_t stream = cuda::stream_of(ctx);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_THROW(static_cast<void>(net.forward(x, ctx)), StateError);
  EXPECT_THROW(net.forward_into(x, y, ctx), StateError);  // not warm
  EXPECT_THROW(ctx.copy(host, x), StateError);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  if (graph != nullptr) cudaGraphDestroy(graph);
  net.forward_into(x, y, ctx);  // the context is as good as before
  ctx.synchronize();
}

TEST_F(CudaRuntime, OneModuleManyThreadsAndStreams) {
  Sequential net = network();
  std::vector<Tensor> inputs, expected;
  for (int i = 0; i < 8; ++i) {
    inputs.push_back(input(1 + i % 3));
    expected.push_back(on_cpu(net, inputs.back()));
  }
  ExecutionContext first({.device = kGpu});
  net.prepare(first);
  std::vector<int> wrong(8, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext ctx({.device = kGpu});
      for (std::size_t repeat = 0; repeat < 20; ++repeat) {
        const std::size_t i = (t + repeat) % inputs.size();
        Tensor x = Tensor::empty(inputs[i].shape(), DType::f32, ctx);
        ctx.copy(x, inputs[i]);
        const Tensor y = net.forward(x, ctx);
        Tensor host = Tensor::empty(y.shape());
        repeat % 2 == 0 ? ctx.copy(host, y) : copy(host, y);
        wrong[t] += !close(host, expected[i]);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

TEST_F(CudaRuntime, RunsOnTheCallersStreamAndMemory) {
  Sequential net = network();
  const Tensor x = input(), expected = on_cpu(net, x);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  void *raw_x = nullptr, *raw_y = nullptr;
  ASSERT_EQ(cudaMalloc(&raw_x, x.spec().bytes()), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&raw_y, expected.spec().bytes()), cudaSuccess);
  {
    ExecutionContext ctx(cuda::on_stream(stream));
    EXPECT_EQ(ctx.device(), kGpu);
    EXPECT_EQ(cuda::stream_of(ctx), stream);
    net.prepare(ctx);
    const TensorView in = cuda::wrap(raw_x, x.shape()), out = cuda::wrap(raw_y, expected.shape());
    delay(stream);
    ctx.copy(in, x);
    net.forward_into(in, out, ctx);
    EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    Tensor host = Tensor::empty(expected.shape());
    copy(host, out);
    EXPECT_TRUE(close(host, expected));
    EXPECT_THROW(static_cast<void>(cuda::wrap(host.view().raw(), host.shape())), DeviceError);
    EXPECT_THROW(static_cast<void>(cuda::wrap(static_cast<char*>(raw_x) + 1, {4})), ArgumentError);
  }
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess) << "the context destroyed a stream that it was lent";
  EXPECT_THROW(static_cast<void>(cuda::on_stream(nullptr)), ArgumentError);
  ExecutionContext cpu;
  EXPECT_THROW(static_cast<void>(cuda::stream_of(cpu)), DeviceError);
  cudaFree(raw_x);
  cudaFree(raw_y);
  cudaStreamDestroy(stream);
}

// The driver's state does not survive a fork: a child that uses its parent's context is told so, and does not
// hang.
TEST_F(CudaRuntime, AForkedChildIsToldWhatToDo) {
  ExecutionContext ctx({.device = kGpu});
  ReLU layer;
  layer.prepare(ctx);
  const Tensor x = Tensor::zeros({4}, DType::f32, kGpu);
  static_cast<void>(layer.forward(x, ctx));
  ctx.synchronize();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    try {
      static_cast<void>(layer.forward(x, ctx));
    } catch (const StateError& error) {
      ::_exit(std::string_view(error.what()).find("fork") == std::string_view::npos ? 2 : 0);
    } catch (...) {
      ::_exit(3);
    }
    ::_exit(1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "a signal ended the child";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  static_cast<void>(layer.forward(x, ctx));  // the parent goes on
  ctx.synchronize();
}

TEST_F(CudaRuntime, OutOfMemorySaysWhatWasAskedForAndWhatIsFree) {
  const std::int64_t count = std::int64_t{1} << 40;  // 4 TiB
  const auto expect = [](const char* layer, const auto& call) {
    try {
      call();
      FAIL() << "4 TiB were found";
    } catch (const CudaError& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr(layer), HasSubstr("out of memory on cuda:0: asked for 4398046511104 bytes"),
                        HasSubstr("are free")));
    }
  };
  ExecutionContext ctx({.device = kGpu});
  expect("", [&] { static_cast<void>(Tensor::empty({count}, DType::f32, kGpu)); });
  expect("", [&] { static_cast<void>(Tensor::empty({count}, DType::f32, ctx)); });
  expect("", [&] { Workspace::Scope(ctx.workspace()).take({count}, DType::f32); });
  ReLU layer;
  layer.prepare(ctx);
  const Tensor still_works = Tensor::zeros({4}, DType::f32, kGpu);
  expect("ReLU: output f32[1099511627776]", [&] {  // the input is not read
    static_cast<void>(layer.forward({still_works.view().raw(), {Shape{count}, DType::f32, kGpu}}, ctx));
  });
  static_cast<void>(layer.forward(still_works, ctx));
  ctx.synchronize();
}

TEST_F(CudaRuntime, DevicesThatAreNotThereAreNamed) {
  const int count = cuda_device_count();
  try {
    ExecutionContext ctx({.device = Device::cuda(count)});
    FAIL() << "there is no such device";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(message("cuda:", count, " is not available")),
                                    HasSubstr("CUDA_VISIBLE_DEVICES")));
  }
  const DeviceCaps caps = device_caps(kGpu);
  EXPECT_GE(caps.compute_capability, 75);
  EXPECT_GT(caps.multiprocessors, 0);
  EXPECT_GE(caps.shared_memory_per_block, 48u << 10);
}

TEST_F(CudaRuntime, TheCallersDeviceStaysCurrent) {
  int before = -1, after = -1;
  ASSERT_EQ(cudaGetDevice(&before), cudaSuccess);
  Sequential net = network();
  ExecutionContext ctx({.device = Device::cuda(cuda_device_count() - 1)});
  net.prepare(ctx);
  const Tensor y = net.forward(input().to(ctx.device()), ctx);
  ASSERT_EQ(cudaGetDevice(&after), cudaSuccess);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace upconv::test
