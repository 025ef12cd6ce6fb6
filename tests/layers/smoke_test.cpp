#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace {

using upconv::DType;
using upconv::Tensor;

TEST(Contract, QuickStartRuns) {
  upconv::ExecutionContext ctx({.device = upconv::Device::cpu()});
  upconv::Sequential net;
  net.append(
      upconv::Conv2d({.in_channels = 1, .out_channels = 56, .kernel_size = {5, 5}, .padding = {2, 2}}));
  net.append(upconv::PReLU({.num_parameters = 56}));
  net.append("head", upconv::ConvTranspose2d({.in_channels = 56,
                                              .out_channels = 1,
                                              .kernel_size = {9, 9},
                                              .stride = {2, 2},
                                              .padding = {4, 4},
                                              .output_padding = {1, 1}}));
  upconv::StateDict weights = net.state_dict();
  net.load(weights);
  net.prepare(ctx);
  Tensor x = Tensor::zeros({1, 1, 8, 8}, DType::f32);
  Tensor y = net.forward(x, ctx);
  EXPECT_EQ(y.shape(), (upconv::Shape{1, 1, 16, 16}));
  EXPECT_EQ(y.data<float>()[0], 0.0f);
  std::cout << net.explain(x.spec(), ctx);
}

}  // namespace
