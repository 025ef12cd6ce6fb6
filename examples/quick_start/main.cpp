#include <exception>
#include <iostream>

#include <upconv/upconv.h>

int main() try {
  upconv::Sequential net;  // children are named "0", "1", ... as in PyTorch, or as you say: "head"
  net.append(upconv::Conv2d({.in_channels = 1, .out_channels = 56, .kernel_size = 5, .padding = 2}));
  net.append(upconv::PReLU({.num_parameters = 56}));
  net.append("head", upconv::ConvTranspose2d({.in_channels = 56,
                                              .out_channels = 1,
                                              .kernel_size = 9,
                                              .stride = 2,
                                              .padding = 4,
                                              .output_padding = 1}));

  upconv::ExecutionContext ctx({.device = upconv::Device::cpu()});  // or Device::cuda(0)
  net.load(upconv::read_hdf5("weights.h5"));                        // every name and shape must fit
  net.prepare(ctx);                                                 // uploads and packs the weights, once

  const upconv::Tensor x = upconv::Tensor::full({1, 1, 64, 64}, 0.5);  // N, C, H, W in f32
  const upconv::Tensor y = net.forward(x.to(ctx.device()), ctx).to(upconv::Device::cpu());
  std::cout << y.shape() << ", in the middle " << y.data<float>()[64 * 128 + 64] << '\n';
} catch (const std::exception& error) {  // upconv::Error, which says what to change
  std::cerr << error.what() << '\n';
  return 1;
}
