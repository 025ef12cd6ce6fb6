// README's quick start as a user's program: built against the installed package, from CXX-only projects.
#include <upconv/upconv.h>

int main() {
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
  upconv::Tensor x = upconv::Tensor::zeros({1, 1, 64, 64}, upconv::DType::f32);
  upconv::Tensor y = net.forward(x, ctx);
  float first = y.data<float>()[0];
  return first == 0.0f ? 0 : 1;
}
