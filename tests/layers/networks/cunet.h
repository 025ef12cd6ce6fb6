#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// Squeeze and excitation: each channel gets a factor that the means of all channels decide on.
class SEBlock : public Network {
 public:
  SEBlock(std::int64_t in_channels, std::int64_t reduction)
      : Network("SEBlock"),
        conv1(add(
            "conv1",
            Conv2d({.in_channels = in_channels, .out_channels = in_channels / reduction, .kernel_size = 1}))),
        conv2(add("conv2", Conv2d({.in_channels = in_channels / reduction,
                                   .out_channels = in_channels,
                                   .kernel_size = 1}))) {}

  Value forward(Value x) const override {
    Value z = adaptive_avg_pool2d(x, {.output_height = 1, .output_width = 1});
    z = conv1(z);
    z = relu(z);
    z = conv2(z);
    z = sigmoid(z);
    return x * z;  // PyTorch's z.expand(x.shape) is what a product does anyway
  }

 private:
  Conv2d &conv1, &conv2;
};

/// Two convolutions without padding, and a squeeze where it is asked for.
class UNetConv : public Network {
 public:
  UNetConv(std::int64_t in_channels, std::int64_t mid_channels, std::int64_t out_channels, bool se)
      : Network("UNetConv"),
        conv(add("conv", Sequential())),
        seblock(se ? &add("seblock", SEBlock(out_channels, 2)) : nullptr) {
    conv.append(Conv2d({.in_channels = in_channels, .out_channels = mid_channels, .kernel_size = 3}));
    conv.append(LeakyReLU({.negative_slope = 0.1}));
    conv.append(Conv2d({.in_channels = mid_channels, .out_channels = out_channels, .kernel_size = 3}));
    conv.append(LeakyReLU({.negative_slope = 0.1}));
  }

  Value forward(Value x) const override {
    Value z = conv(x);
    if (seblock != nullptr) z = (*seblock)(z);
    return z;
  }

 private:
  Sequential& conv;
  SEBlock* seblock;
};

/// Half the size, by a convolution.
inline Conv2d half(std::int64_t channels) {
  return Conv2d({.in_channels = channels, .out_channels = channels, .kernel_size = 2, .stride = 2});
}

/// Twice the size, by a transposed convolution.
inline ConvTranspose2d twice(std::int64_t channels) {
  return ConvTranspose2d({.in_channels = channels, .out_channels = channels, .kernel_size = 2, .stride = 2});
}

/// One level down; twice the size of what is left without the borders.
class UNet1 : public Network {
 public:
  UNet1(std::int64_t in_channels, std::int64_t out_channels)
      : Network("UNet1"),
        conv1(add("conv1", UNetConv(in_channels, 2, 4, false))),
        conv1_down(add("conv1_down", half(4))),
        conv2(add("conv2", UNetConv(4, 8, 4, true))),
        conv2_up(add("conv2_up", twice(4))),
        conv3(add("conv3", Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3}))),
        conv_bottom(add("conv_bottom", ConvTranspose2d({.in_channels = 4,
                                                        .out_channels = out_channels,
                                                        .kernel_size = 4,
                                                        .stride = 2,
                                                        .padding = 3}))) {}

  Value forward(Value x) const override {
    Value x1 = conv1(x);
    Value x2 = conv1_down(x1);
    x1 = pad(x1, {-4, -4, -4, -4});
    x2 = leaky_relu(x2, 0.1);
    x2 = conv2(x2);
    x2 = conv2_up(x2);
    x2 = leaky_relu(x2, 0.1);
    Value x3 = conv3(x1 + x2);
    x3 = leaky_relu(x3, 0.1);
    Value z = conv_bottom(x3);
    return z;
  }

 private:
  UNetConv& conv1;
  Conv2d& conv1_down;
  UNetConv& conv2;
  ConvTranspose2d& conv2_up;
  Conv2d& conv3;
  ConvTranspose2d& conv_bottom;
};

/// Two levels down, with sums for skips.
class UNet2 : public Network {
 public:
  UNet2(std::int64_t in_channels, std::int64_t out_channels)
      : Network("UNet2"),
        conv1(add("conv1", UNetConv(in_channels, 2, 4, false))),
        conv1_down(add("conv1_down", half(4))),
        conv2(add("conv2", UNetConv(4, 4, 8, true))),
        conv2_down(add("conv2_down", half(8))),
        conv3(add("conv3", UNetConv(8, 8, 8, true))),
        conv3_up(add("conv3_up", twice(8))),
        conv4(add("conv4", UNetConv(8, 4, 4, true))),
        conv4_up(add("conv4_up", twice(4))),
        conv5(add("conv5", Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3}))),
        conv_bottom(
            add("conv_bottom", Conv2d({.in_channels = 4, .out_channels = out_channels, .kernel_size = 3}))) {}

  Value forward(Value x) const override {
    Value x1 = conv1(x);
    Value x2 = conv1_down(x1);
    x1 = pad(x1, {-16, -16, -16, -16});
    x2 = leaky_relu(x2, 0.1);
    x2 = conv2(x2);
    Value x3 = conv2_down(x2);
    x2 = pad(x2, {-4, -4, -4, -4});
    x3 = leaky_relu(x3, 0.1);
    x3 = conv3(x3);
    x3 = conv3_up(x3);
    x3 = leaky_relu(x3, 0.1);
    Value x4 = conv4(x2 + x3);
    x4 = conv4_up(x4);
    x4 = leaky_relu(x4, 0.1);
    Value x5 = conv5(x1 + x4);
    x5 = leaky_relu(x5, 0.1);
    Value z = conv_bottom(x5);
    return z;
  }

 private:
  UNetConv& conv1;
  Conv2d& conv1_down;
  UNetConv& conv2;
  Conv2d& conv2_down;
  UNetConv& conv3;
  ConvTranspose2d& conv3_up;
  UNetConv& conv4;
  ConvTranspose2d& conv4_up;
  Conv2d &conv5, &conv_bottom;
};

/// waifu2x's CUNet, x2: two U-Nets in a row, without padding.
class UpCUNet : public Network {
 public:
  explicit UpCUNet(std::int64_t in_channels = 3, std::int64_t out_channels = 3)
      : Network("UpCUNet"),
        unet1(add("unet1", UNet1(in_channels, out_channels))),
        unet2(add("unet2", UNet2(in_channels, out_channels))) {}

  Value forward(Value x) const override {
    x = unet1(x);
    Value z = unet2(x);
    x = pad(x, {-20, -20, -20, -20});
    z = x + z;
    return clamp(z, 0.0, 1.0);
  }

 private:
  UNet1& unet1;
  UNet2& unet2;
};

}  // namespace upconv::testing
