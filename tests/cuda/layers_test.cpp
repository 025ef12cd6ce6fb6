#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

// Every layer, and networks of them, on the GPU against the same module on the CPU.

namespace upconv::test {
namespace {

using ::testing::HasSubstr;

class CudaLayers : public Gpu {
 protected:
  Random random_{11};

  void randomise(Module& module) {
    StateDict weights;
    for (const EntrySpec& entry : module.entries()) {
      const bool variance = entry.name.ends_with("running_var");
      if (entry.dtype == DType::i64) {
        weights.insert(entry.name, Tensor::zeros(entry.shape, DType::i64));
      } else {
        Tensor value = random_tensor(entry.shape, DType::f32, Values::exact, random_);
        for (float& v : value.data<float>())
          v = variance ? 0.5f + std::abs(v) : v / 4.0f;
        weights.insert(entry.name, std::move(value));
      }
    }
    module.load(weights);
  }

  /// Both devices, one module: prepared for the CPU, then for the GPU.
  void compare(Module& module, const Shape& shape, double factor = 0x1p-18) {
    randomise(module);
    ExecutionContext cpu, gpu({.device = Device::cuda(0)});
    for (const DType dtype : kComputeDTypes) {
      SCOPED_TRACE(message(module.display_name(), ' ', shape, ' ', dtype));
      module.to(dtype);
      const Tensor x = random_tensor(shape, dtype, Values::normal, random_);
      module.prepare(cpu);
      const Tensor expected = module.forward(x, cpu);
      module.prepare(gpu);
      const Tensor y = module.forward(x.to(Device::cuda(0)), gpu);
      ASSERT_EQ(y.device(), Device::cuda(0));
      Tensor scale = Tensor::full(expected.shape(), 0.0);
      double most = 1.0;
      for (const double v : to_doubles(expected))
        most = std::max(most, std::abs(v));
      for (float& v : scale.data<float>())
        v = static_cast<float>(most);
      // A 16-bit network rounds after every layer: its error goes by the largest value, not by each.
      const double lost = dtype == DType::f32 ? 0.0 : dtype == DType::f16 ? 0x1p-8 : 0x1p-5;
      ASSERT_TRUE(nearly_equal(y.to(Device::cpu()), expected, scale, factor + lost, 2));
    }
  }
};

TEST_F(CudaLayers, EachMatchesTheCpu) {
  struct Case {
    std::unique_ptr<Module> module;
    std::vector<Shape> shapes;
  };
  std::vector<Case> cases;
  const auto add = [&]<class M>(M module, std::vector<Shape> shapes) {
    cases.push_back({std::make_unique<M>(std::move(module)), std::move(shapes)});
  };
  add(ConvTranspose2d({.in_channels = 6,
                       .out_channels = 5,
                       .kernel_size = {4, 3},
                       .stride = {2, 3},
                       .padding = {1, 0},
                       .output_padding = {1, 2}}),
      {{2, 6, 5, 7}, {6, 5, 7}, {0, 6, 5, 7}, {1, 6, 1, 1}});
  add(ConvTranspose2d(
          {.in_channels = 8, .out_channels = 8, .kernel_size = 3, .groups = 4, .bias = false, .dilation = 2}),
      {{2, 8, 5, 7}});
  add(ConvTranspose2d({.in_channels = 16, .out_channels = 8, .kernel_size = 1}), {{2, 16, 9, 7}, {16, 9, 7}});
  add(Conv2d(
          {.in_channels = 6, .out_channels = 5, .kernel_size = {4, 3}, .stride = {2, 1}, .padding = {1, 2}}),
      {{2, 6, 5, 7}, {6, 5, 7}, {0, 6, 5, 7}});
  add(Conv2d({.in_channels = 4,
              .out_channels = 5,
              .kernel_size = 3,
              .padding = 2,
              .padding_mode = PaddingMode::reflect}),
      {{2, 4, 5, 7}});
  add(Conv2d({.in_channels = 4,
              .out_channels = 4,
              .kernel_size = 3,
              .padding = 2,
              .groups = 2,
              .padding_mode = PaddingMode::replicate}),
      {{2, 4, 5, 7}});
  add(Conv2d({.in_channels = 16, .out_channels = 8, .kernel_size = 1}), {{2, 16, 9, 7}});
  add(BatchNorm2d({.num_features = 7}), {{2, 7, 5, 3}, {0, 7, 5, 3}, {1, 7, 16, 16}});
  add(BatchNorm2d({.num_features = 7, .affine = false}), {{2, 7, 5, 3}});
  add(ReLU(), {{2, 7, 5, 3}, {1}, {}});
  add(LeakyReLU({.negative_slope = 0.2}), {{2, 7, 5, 3}});
  add(PReLU(), {{2, 7, 5, 3}, {7}});
  add(PReLU({.num_parameters = 7}), {{2, 7, 5, 3}, {2, 7}, {3, 7, 5}});
  add(Sigmoid(), {{2, 7, 5, 3}});
  add(Tanh(), {{2, 7, 5, 3}});
  for (const Case& one : cases) {
    for (const Shape& shape : one.shapes)
      compare(*one.module, shape);
  }
}

TEST_F(CudaLayers, LinearMatchesTheCpu) {
  Linear with_bias({.in_features = 33, .out_features = 20});
  for (const Shape& shape : {Shape{4, 33}, Shape{33}, Shape{2, 3, 33}, Shape{0, 33}})
    compare(with_bias, shape);
  Linear without({.in_features = 64, .out_features = 32, .bias = false});
  compare(without, {16, 64});
}

Sequential decoder() {
  Sequential net;
  net.append(Conv2d({.in_channels = 3, .out_channels = 16, .kernel_size = 3, .padding = 1}))
      .append(PReLU({.num_parameters = 16}))
      .append(ConvTranspose2d({.in_channels = 16,
                               .out_channels = 16,
                               .kernel_size = 4,
                               .stride = 2,
                               .padding = 1,
                               .bias = false}))
      .append(BatchNorm2d({.num_features = 16}))
      .append(ReLU())
      .append(Conv2d({.in_channels = 16, .out_channels = 8, .kernel_size = 1}))
      .append(LeakyReLU())
      .append(
          ConvTranspose2d({.in_channels = 8, .out_channels = 3, .kernel_size = {3, 7}, .padding = {1, 3}}))
      .append(Tanh());
  return net;
}

TEST_F(CudaLayers, SequentialFusesAndMatchesTheCpu) {
  Sequential net = decoder();
  compare(net, {2, 3, 9, 13}, 0x1p-15);
  compare(net, {0, 3, 9, 13}, 0x1p-15);
  std::vector<std::string> kernels;
  ExecutionContext ctx({.device = Device::cuda(0),
                        .trace = [&](const TraceEvent& event) { kernels.emplace_back(event.kernel); }});
  net.to(DType::f32);
  net.prepare(ctx);
  const Tensor x = Tensor::zeros({1, 3, 8, 8}, DType::f32, Device::cuda(0));
  static_cast<void>(net.forward(x, ctx));
  EXPECT_EQ(kernels.size(), 4u) << "four convolutions with what follows them";
  EXPECT_THAT(net.explain(x.spec(), ctx), HasSubstr("cuda.plain"));
}

TEST_F(CudaLayers, OutputSizeCanBeAskedFor) {
  ConvTranspose2d layer({.in_channels = 4, .out_channels = 5, .kernel_size = 3, .stride = 3});
  randomise(layer);
  const Tensor x = random_tensor({2, 4, 5, 6}, DType::f32, Values::exact, random_);
  ExecutionContext cpu, gpu({.device = Device::cuda(0)});
  layer.prepare(cpu);
  const Tensor expected = layer.forward_to_size(x, {17, 19}, cpu);
  layer.prepare(gpu);
  EXPECT_TRUE(
      exactly_equal(layer.forward_to_size(x.to(Device::cuda(0)), {17, 19}, gpu).to(Device::cpu()), expected));
}

TEST_F(CudaLayers, AKernelCanBeForced) {
  Linear layer({.in_features = 8, .out_features = 8});
  layer.initialize();
  for (const std::string name : {"cuda.cublaslt", "cuda.plain"}) {
    std::string ran;
    ExecutionContext ctx({.device = Device::cuda(0),
                          .kernels = {{"linear", name}},
                          .trace = [&](const TraceEvent& event) { ran = event.kernel; }});
    layer.prepare(ctx);
    static_cast<void>(layer.forward(Tensor::zeros({2, 8}, DType::f32, Device::cuda(0)), ctx));
    EXPECT_EQ(ran, name);
  }
  ConvTranspose2d wide({.in_channels = 2, .out_channels = 2, .kernel_size = 3});
  ExecutionContext ctx({.device = Device::cuda(0), .kernels = {{"conv_transpose2d", "cuda.cublaslt"}}});
  wide.initialize();
  wide.prepare(ctx);
  try {
    static_cast<void>(wide.forward(Tensor::zeros({1, 2, 4, 4}, DType::f32, Device::cuda(0)), ctx));
    FAIL() << "a row that does not fit was taken";
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("only for 1x1 kernels"));
  }
}

TEST_F(CudaLayers, BatchNormKeepsItsParametersInF32) {
  BatchNorm2d layer({.num_features = 2});
  StateDict weights;
  weights.insert("weight", Tensor::full({2}, 1.0));
  weights.insert("bias", Tensor::full({2}, 0.0));
  weights.insert("running_mean", Tensor::full({2}, 0.0));
  weights.insert("running_var", Tensor::full({2}, 1e5));  // beyond f16
  layer.to(DType::f16);
  layer.load(weights);
  ExecutionContext ctx({.device = Device::cuda(0)});
  layer.prepare(ctx);
  const Tensor x = Tensor::full({1, 2, 3, 5}, -225.125, DType::f16, Device::cuda(0));
  const Tensor y = layer.forward(x, ctx).to(Device::cpu());
  for (const Float16 value : y.data<Float16>())
    EXPECT_EQ(static_cast<float>(value), static_cast<float>(Float16(-0.7119f)));  // -225.125 / sqrt(1e5)
}

TEST_F(CudaLayers, AModuleIsPreparedForTheCpuAndTheGpuAtOnce) {
  const auto network = [&] {
    Sequential net;
    net.append(Conv2d({.in_channels = 8, .out_channels = 16, .kernel_size = 3, .padding = 1}))
        .append(BatchNorm2d({.num_features = 16}))
        .append(PReLU({.num_parameters = 16}))
        .append(ConvTranspose2d({.in_channels = 16, .out_channels = 4, .kernel_size = 3, .padding = 1}))
        .append(Linear({.in_features = 20, .out_features = 6}));
    return net;
  };
  Sequential all = network(), one = network();
  randomise(all);
  one.load(all.state_dict());
  ExecutionContext cpu, fp32({.device = Device::cuda(0)}),
      tf32({.device = Device::cuda(0), .precision = Precision::tf32});
  all.prepare(cpu);
  all.prepare(fp32);
  all.prepare(tf32);
  const Tensor x = random_tensor({2, 8, 20, 20}, DType::f32, Values::normal, random_);
  for (int round = 0; round < 2; ++round) {
    for (ExecutionContext* ctx : {&cpu, &fp32, &tf32}) {
      one.prepare(*ctx);
      const Tensor there = x.to(ctx->device());
      EXPECT_TRUE(same_bits(all(there, *ctx).to(Device::cpu()), one(there, *ctx).to(Device::cpu())));
    }
    one = network();
    one.load(all.state_dict());
  }
  all.load(one.state_dict());
  for (ExecutionContext* ctx : {&cpu, &fp32, &tf32})
    EXPECT_THROW(static_cast<void>(all(x.to(ctx->device()), *ctx)), StateError);
}

TEST_F(CudaLayers, DevicesAreNotMixed) {
  Linear layer({.in_features = 8, .out_features = 8});
  ExecutionContext gpu({.device = Device::cuda(0)}), cpu;
  layer.initialize();
  layer.prepare(gpu);
  EXPECT_THROW(static_cast<void>(layer.forward(Tensor::zeros({2, 8}), gpu)), DeviceError);
  EXPECT_THROW(static_cast<void>(layer.forward(Tensor::zeros({2, 8}), cpu)), StateError);
  const Tensor x = Tensor::zeros({2, 8}, DType::f32, Device::cuda(0));
  EXPECT_THROW(static_cast<void>(x.data<float>()), DeviceError);
}

}  // namespace
}  // namespace upconv::test
