#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "cuda/support.h"
#include <cuda_runtime.h>
#include <gmock/gmock.h>

#include <upconv/framework/cuda_interop.h>

// Several GPUs in one process: each has its modules, contexts and tensors, and the caller's current device is
// never changed.

namespace upconv::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Device kFirst = Device::cuda(0), kSecond = Device::cuda(1);

/// Skips, visibly, where fewer than two GPUs are. Watches the current device.
class CudaDevices : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() < 2) GTEST_SKIP() << "fewer than two CUDA devices here";
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_TRUE(current_device_is(0));
  }

  static ::testing::AssertionResult current_device_is(int index) {
    int actual = -1;
    if (cudaGetDevice(&actual) == cudaSuccess && actual == index) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "the current device is " << actual << ", was " << index;
  }

  /// A direct convolution, a strided one and a matrix product.
  static Sequential network(DType dtype = DType::f32) {
    Sequential net;
    net.append(
           ConvTranspose2d({.in_channels = 8, .out_channels = 32, .kernel_size = {3, 7}, .padding = {1, 3}}))
        .append(ReLU())
        .append(ConvTranspose2d(
            {.in_channels = 32, .out_channels = 16, .kernel_size = 4, .stride = 2, .padding = 1}))
        .append(BatchNorm2d({.num_features = 16}))
        .append(Conv2d({.in_channels = 16, .out_channels = 12, .kernel_size = 1}));
    Random random(17);
    StateDict weights;
    for (const EntrySpec& entry : net.entries()) {
      weights.insert(entry.name, entry.dtype == DType::i64 ? Tensor::zeros(entry.shape, DType::i64)
                                                           : absolute(random_tensor(entry.shape, DType::f32,
                                                                                    Values::normal, random)));
    }
    net.load(weights);
    net.to(dtype);
    return net;
  }
  static Tensor input(DType dtype = DType::f32) {
    Random random(18);
    return random_tensor({2, 8, 13, 37}, dtype, Values::normal, random);
  }
};

TEST_F(CudaDevices, EachGivesTheSameBits) {
  for (const DType dtype : kComputeDTypes) {
    std::vector<Sequential> nets;
    std::deque<ExecutionContext> contexts;
    std::vector<Tensor> results;
    for (int index = 0; index < cuda_device_count(); ++index) {
      nets.push_back(network(dtype));
      contexts.emplace_back(ExecutionContextOptions{.device = Device::cuda(index)});
      nets.back().prepare(contexts.back());
      EXPECT_TRUE(current_device_is(0));
    }
    const Tensor x = input(dtype);
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (std::size_t i = 0; i < nets.size(); ++i) {
        const Tensor y = nets[i].forward(x.to(contexts[i].device()), contexts[i]);
        EXPECT_EQ(y.device(), contexts[i].device());
        EXPECT_TRUE(current_device_is(0));
        results.push_back(y.to(Device::cpu()));
        if (device_caps(kFirst).name == device_caps(contexts[i].device()).name) {
          EXPECT_TRUE(same_bits(results.back(), results.front())) << "cuda:" << i << ' ' << dtype;
        }
      }
    }
  }
}

TEST_F(CudaDevices, EveryRowRunsOnTheSecond) {
  ExecutionContext first({.device = kFirst}), second({.device = kSecond});
  if (first.caps().name != second.caps().name) GTEST_SKIP() << "the devices differ";
  Random random(19);
  for (const char* text : {"n1ci32ih6iw136co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                           "n1ci16ih9iw40co16kh5kw5_s1x1_p2x2_zeros_d1x1_g1_f32",
                           "n1ci64ih8iw64co24kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32"}) {
    for (const DType dtype : kComputeDTypes) {
      for (const Precision precision : {Precision::fp32, Precision::tf32}) {
        kernels::ConvProblem p = kernels::ConvProblem::parse(text);
        p.dtype = dtype;
        p.precision = precision;
        const Tensor x = random_tensor(p.x_shape(), dtype, Values::normal, random);
        const Tensor weight = random_tensor(p.weight_shape(), dtype, Values::normal, random);
        for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
          if (!row.supports(p, second.caps()).supported) continue;
          std::vector<Tensor> results;
          for (ExecutionContext* ctx : {&second, &first}) {  // the second may be the first that runs a kernel
            const Tensor there = x.to(ctx->device()), weight_there = weight.to(ctx->device());
            const auto packed = kernels::pack_weight(p, weight, ctx->device());
            Tensor y = Tensor::empty(p.y_shape(), dtype, ctx->device());
            row.launch(p,
                       {.x = there, .weight = weight_there, .packed_weight = &packed, .epilogue = {}, .y = y},
                       *ctx);
            results.push_back(y.to(Device::cpu()));
            EXPECT_TRUE(current_device_is(0));
          }
          EXPECT_TRUE(same_bits(results[0], results[1])) << row.name << ' ' << p.to_string();
        }
      }
    }
  }
}

TEST_F(CudaDevices, AThreadEach) {
  const Tensor x = input();
  std::vector<Tensor> results(static_cast<std::size_t>(cuda_device_count()));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      ExecutionContext ctx({.device = Device::cuda(static_cast<int>(i))});
      Sequential net = network();
      net.prepare(ctx);
      for (int run = 0; run < 10; ++run)
        results[i] = net.forward(x.to(ctx.device()), ctx).to(Device::cpu());
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (device_caps(kFirst).name == device_caps(Device::cuda(static_cast<int>(i))).name) {
      EXPECT_TRUE(same_bits(results[i], results[0])) << "cuda:" << i;
    }
  }
}

TEST_F(CudaDevices, TensorsMoveBetweenThem) {
  for (const std::int64_t count : {std::int64_t{1}, std::int64_t{1000}, (std::int64_t{3} << 20) + 17}) {
    Random random(20);
    const Tensor x = random_tensor({count}, DType::f32, Values::normal, random);
    const Tensor second = x.to(kFirst).to(kSecond);
    EXPECT_EQ(second.device(), kSecond);
    EXPECT_TRUE(same_bits(second.to(Device::cpu()), x)) << count;
    EXPECT_TRUE(same_bits(second.to(kFirst).to(Device::cpu()), x)) << count;
    EXPECT_TRUE(same_bits(second.clone().to(Device::cpu()), x)) << count;
    EXPECT_TRUE(current_device_is(0));
  }
  // A result goes on to the next device without a word of synchronisation.
  ExecutionContext first({.device = kFirst}), second({.device = kSecond});
  Sequential net = network();
  net.prepare(second);
  const Tensor expected = net.forward(input().to(kSecond), second).to(kFirst).to(Device::cpu());
  net.prepare(first);
  if (first.caps().name == second.caps().name) {
    EXPECT_TRUE(same_bits(net.forward(input().to(kFirst), first).to(kSecond).to(Device::cpu()), expected));
  }
}

TEST_F(CudaDevices, AreNotMixed) {
  ExecutionContext first({.device = kFirst}), second({.device = kSecond});
  Sequential net = network();
  net.prepare(second);
  const Tensor here = input().to(kFirst), there = input().to(kSecond);
  EXPECT_THROW(static_cast<void>(net.forward(here, second)), DeviceError);
  EXPECT_THROW(static_cast<void>(net.forward(there, first)), StateError);
  EXPECT_THROW(static_cast<void>(net.forward(here, first)), StateError);  // prepared elsewhere
  Tensor target = Tensor::empty(there.shape(), DType::f32, first);
  try {
    first.copy(target, there);
    FAIL() << "a context copied from another device";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cuda:0"), HasSubstr("cuda:1")));
  }
  static_cast<void>(net.forward(there, second));
}

TEST_F(CudaDevices, TheCallersStreamNamesItsDevice) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 1024), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cuda::wrap(memory, {16}).device(), kSecond);
  {
    ExecutionContext ctx(cuda::on_stream(stream));
    EXPECT_EQ(ctx.device(), kSecond);
    Sequential net = network();
    net.prepare(ctx);
    const Tensor y = net.forward(input().to(kSecond), ctx);
    EXPECT_EQ(y.device(), kSecond);
    EXPECT_TRUE(current_device_is(0));
  }
  try {
    ExecutionContext wrong({.device = kFirst, .stream = stream});
    FAIL() << "a stream of another device was taken";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("belongs to cuda:1"), HasSubstr("context is on cuda:0")));
  }
  EXPECT_TRUE(current_device_is(0));
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

/// The caller's own events order work of contexts on different devices.
TEST_F(CudaDevices, EventsOrderTheirStreams) {
  ExecutionContext first({.device = kFirst}), second({.device = kSecond});
  Sequential net_first = network(), net_second = network();
  net_first.prepare(first);
  net_second.prepare(second);
  const Tensor x = input();
  const Tensor expected = net_first.forward(x.to(kFirst), first).to(Device::cpu());
  const TensorSpec spec = net_second.output_spec(x.spec());
  Tensor x_second = x.to(kSecond), y_second = Tensor::empty(spec.shape, DType::f32, kSecond),
         y_first = Tensor::empty(spec.shape, DType::f32, kFirst);
  cudaEvent_t done = nullptr;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaEventCreateWithFlags(&done, cudaEventDisableTiming), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  ASSERT_EQ(cudaLaunchHostFunc(
                cuda::stream_of(second),
                [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }, nullptr),
            cudaSuccess);
  net_second.forward_into(x_second, y_second, second);
  ASSERT_EQ(cudaEventRecord(done, cuda::stream_of(second)), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(cuda::stream_of(first), done, 0), cudaSuccess);
  ASSERT_EQ(cudaMemcpyPeerAsync(y_first.view().raw(), 0, y_second.view().raw(), 1, y_first.spec().bytes(),
                                cuda::stream_of(first)),
            cudaSuccess);
  Tensor host = Tensor::empty(spec.shape);
  first.copy(host, y_first);
  if (first.caps().name == second.caps().name) {
    EXPECT_TRUE(same_bits(host, expected));
  }
  second.synchronize();
  EXPECT_EQ(cudaEventDestroy(done), cudaSuccess);
}

TEST_F(CudaDevices, GraphsAreCapturedOnTheSecond) {
  ExecutionContext ctx({.device = kSecond});
  Sequential net = network();
  net.prepare(ctx);
  const Tensor x = input().to(kSecond);
  Tensor y = net.forward(x, ctx);
  const Tensor expected = y.to(Device::cpu());
  copy(y, Tensor::zeros(y.shape()));
  const cudaStream_t stream = cuda::stream_of(ctx);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  net.forward_into(x, y, ctx);
  EXPECT_TRUE(current_device_is(0));
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  ctx.synchronize();
  EXPECT_TRUE(same_bits(y.to(Device::cpu()), expected));
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

TEST_F(CudaDevices, OutOfMemoryNamesTheDevice) {
  ExecutionContext ctx({.device = kSecond});
  for (const bool in_order : {false, true}) {
    try {
      const Shape shape{std::int64_t{1} << 40};
      static_cast<void>(in_order ? Tensor::empty(shape, DType::f32, ctx)
                                 : Tensor::empty(shape, DType::f32, kSecond));
      FAIL() << "4 TiB were found";
    } catch (const CudaError& error) {
      EXPECT_THAT(error.what(), HasSubstr("out of memory on cuda:1: asked for 4398046511104 bytes"));
    }
    EXPECT_TRUE(current_device_is(0));
  }
}

TEST_F(CudaDevices, WorkGoesOnWhileAnotherDeviceIsCurrent) {
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  {
    ExecutionContext ctx({.device = kFirst});
    Sequential net = network();
    net.prepare(ctx);
    const Tensor y = net.forward(input().to(kFirst), ctx), copy = y.clone();
    EXPECT_EQ(y.device(), kFirst);
    EXPECT_TRUE(same_bits(y.to(Device::cpu()), copy.to(Device::cpu())));
  }
  EXPECT_TRUE(current_device_is(1));
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

}  // namespace
}  // namespace upconv::test
