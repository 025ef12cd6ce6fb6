#include <upconv/upconv.h>

int main() {
  upconv::ExecutionContext ctx({.device = upconv::Device::cpu()});     // Device::cuda(0) on a GPU; .precision, .num_threads, ...
  upconv::Sequential net;                                              // children are named "0", "1", ... as in PyTorch
  net.append(upconv::Conv2d({.in_channels = 1, .out_channels = 56, .kernel_size = {5, 5}, .padding = {2, 2}}));
  net.append(upconv::PReLU({.num_parameters = 56}));
  net.append("head", upconv::ConvTranspose2d({.in_channels = 56, .out_channels = 1, .kernel_size = {9, 9}, .stride = {2, 2},
                                              .padding = {4, 4}, .output_padding = {1, 1}}));   // or named: "head.weight"
  upconv::StateDict weights = upconv::read_hdf5("weights.h5");         // ordered name -> Tensor, in the stored dtype
  net.load(weights);                                                   // strict; throws upconv::LoadError with the whole report
  net.prepare(ctx);                                                    // uploads and packs once
  upconv::Tensor x = upconv::Tensor::zeros({1, 1, 64, 64}, upconv::DType::f32);
  upconv::Tensor y = net.forward(x, ctx);                              // y.shape() == {1, 1, 128, 128}
  float first = y.data<float>()[0];
}
