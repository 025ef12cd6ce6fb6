#include "upscale/fsrcnn.h"

#include <algorithm>
#include <string>
#include <utility>

namespace upscale {

using upconv::Conv2d;
using upconv::ConvTranspose2d;
using upconv::DType;
using upconv::PReLU;
using upconv::Tensor;

upconv::Sequential make_fsrcnn() {
  constexpr int d = 56, s = 12, m = 4;
  upconv::Sequential net;
  net.append("feature", Conv2d({.in_channels = 1, .out_channels = d, .kernel_size = 5, .padding = 2}));
  net.append("feature_act", PReLU({.num_parameters = d}));
  net.append("shrink", Conv2d({.in_channels = d, .out_channels = s, .kernel_size = 1}));
  net.append("shrink_act", PReLU({.num_parameters = s}));
  for (int i = 0; i < m; ++i) {
    const std::string name = "map" + std::to_string(i);
    net.append(name, Conv2d({.in_channels = s, .out_channels = s, .kernel_size = 3, .padding = 1}));
    net.append(name + "_act", PReLU({.num_parameters = s}));
  }
  net.append("expand", Conv2d({.in_channels = s, .out_channels = d, .kernel_size = 1}));
  net.append("expand_act", PReLU({.num_parameters = d}));
  net.append("deconv", ConvTranspose2d({.in_channels = d,
                                        .out_channels = 1,
                                        .kernel_size = 9,
                                        .stride = kScale,
                                        .padding = 4,
                                        .output_padding = 1}));
  return net;
}

LumaNetwork::LumaNetwork(upconv::Sequential net, DType dtype, upconv::ExecutionContext& ctx)
    : net_(std::move(net)), dtype_(dtype), ctx_(ctx) {
  net_.to(dtype);
  net_.prepare(ctx);
}

Plane LumaNetwork::operator()(const Plane& luma) const {
  const Tensor x = Tensor::from<float>(luma.values, {1, 1, luma.height, luma.width});
  const Tensor y = net_.forward(x.to(dtype_).to(ctx_.device()), ctx_);
  const Tensor result = y.to(upconv::Device::cpu()).to(DType::f32);
  Plane large(luma.width * kScale, luma.height * kScale);
  std::ranges::copy(result.data<float>(), large.values.begin());
  return large;
}

std::string LumaNetwork::explain(int width, int height) const {
  return net_.explain({.shape = {1, 1, height, width}, .dtype = dtype_, .device = ctx_.device()}, ctx_);
}

}  // namespace upscale
