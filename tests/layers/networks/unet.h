#pragma once

#include <string>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// U-Net with transposed convolutions (Ronneberger et al., 2015), as brain-segmentation-pytorch has it; two
/// levels. Images of 4 n by 4 m pixels.
class UNet : public Network {
 public:
  explicit UNet(std::int64_t in_channels = 3, std::int64_t out_channels = 1, std::int64_t features = 4)
      : Network("UNet"),
        encoder1(add("encoder1", block(in_channels, features, "enc1"))),
        pool1(add("pool1", MaxPool2d({.kernel_size = 2, .stride = 2}))),
        encoder2(add("encoder2", block(features, features * 2, "enc2"))),
        pool2(add("pool2", MaxPool2d({.kernel_size = 2, .stride = 2}))),
        bottleneck(add("bottleneck", block(features * 2, features * 2, "bottleneck"))),
        upconv2(add("upconv2", up(features * 2, features * 2))),
        decoder2(add("decoder2", block(features * 4, features * 2, "dec2"))),
        upconv1(add("upconv1", up(features * 2, features))),
        decoder1(add("decoder1", block(features * 2, features, "dec1"))),
        conv(add("conv", Conv2d({.in_channels = features, .out_channels = out_channels, .kernel_size = 1}))) {
  }

  Value forward(Value x) const override {
    Value enc1 = encoder1(x);
    Value enc2 = encoder2(pool1(enc1));
    Value deep = bottleneck(pool2(enc2));
    Value dec2 = upconv2(deep);
    dec2 = cat({dec2, enc2}, 1);
    dec2 = decoder2(dec2);
    Value dec1 = upconv1(dec2);
    dec1 = cat({dec1, enc1}, 1);
    dec1 = decoder1(dec1);
    return sigmoid(conv(dec1));
  }

 private:
  static Sequential block(std::int64_t in_channels, std::int64_t features, const std::string& name) {
    Sequential result;
    result.append(name + "conv1", conv3(in_channels, features));
    result.append(name + "norm1", BatchNorm2d({.num_features = features}));
    result.append(name + "relu1", ReLU());
    result.append(name + "conv2", conv3(features, features));
    result.append(name + "norm2", BatchNorm2d({.num_features = features}));
    result.append(name + "relu2", ReLU());
    return result;
  }
  static Conv2d conv3(std::int64_t in, std::int64_t out) {
    return Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1, .bias = false});
  }
  static ConvTranspose2d up(std::int64_t in, std::int64_t out) {
    return ConvTranspose2d({.in_channels = in, .out_channels = out, .kernel_size = 2, .stride = 2});
  }

  Sequential& encoder1;
  MaxPool2d& pool1;
  Sequential& encoder2;
  MaxPool2d& pool2;
  Sequential& bottleneck;
  ConvTranspose2d& upconv2;
  Sequential& decoder2;
  ConvTranspose2d& upconv1;
  Sequential& decoder1;
  Conv2d& conv;
};

/// (convolution => BN => ReLU) * 2, of Pytorch-UNet.
class DoubleConv : public Network {
 public:
  DoubleConv(std::int64_t in_channels, std::int64_t out_channels, std::int64_t mid_channels)
      : Network("DoubleConv"), double_conv(add("double_conv", Sequential())) {
    append(in_channels, mid_channels);
    append(mid_channels, out_channels);
  }
  DoubleConv(std::int64_t in_channels, std::int64_t out_channels)
      : DoubleConv(in_channels, out_channels, out_channels) {}

  Value forward(Value x) const override { return double_conv(x); }

 private:
  void append(std::int64_t in, std::int64_t out) {
    double_conv.append(
        Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1, .bias = false}));
    double_conv.append(BatchNorm2d({.num_features = out})).append(ReLU());
  }

  Sequential& double_conv;
};

/// Half the size, then DoubleConv.
class Down : public Network {
 public:
  Down(std::int64_t in_channels, std::int64_t out_channels)
      : Network("Down"), maxpool_conv(add("maxpool_conv", Sequential())) {
    maxpool_conv.append(MaxPool2d({.kernel_size = 2})).append(DoubleConv(in_channels, out_channels));
  }

  Value forward(Value x) const override { return maxpool_conv(x); }

 private:
  Sequential& maxpool_conv;
};

/// Twice the size, padded to the skip's, joined with it, then DoubleConv.
class Up : public Network {
 public:
  Up(std::int64_t in_channels, std::int64_t out_channels)
      : Network("Up"),
        up(add("up",
               Upsample({.scale_factor = 2, .mode = InterpolateMode::bilinear, .align_corners = true}))),
        conv(add("conv", DoubleConv(in_channels, out_channels, in_channels / 2))) {}

  using Network::forward;  // of one value
  Value forward(Value x1, Value x2) const {
    x1 = up(x1);
    const std::int64_t diff_y = x2.size(2) - x1.size(2);
    const std::int64_t diff_x = x2.size(3) - x1.size(3);
    x1 = pad(x1, {diff_x / 2, diff_x - diff_x / 2, diff_y / 2, diff_y - diff_y / 2});
    Value x = cat({x2, x1}, 1);
    return conv(x);
  }

 private:
  Upsample& up;
  DoubleConv& conv;
};

/// A convolution of one pixel.
class OutConv : public Network {
 public:
  OutConv(std::int64_t in_channels, std::int64_t out_channels)
      : Network("OutConv"),
        conv(add("conv",
                 Conv2d({.in_channels = in_channels, .out_channels = out_channels, .kernel_size = 1}))) {}

  Value forward(Value x) const override { return conv(x); }

 private:
  Conv2d& conv;
};

/// U-Net of Pytorch-UNet with bilinear=True; two levels, for images of any size.
class UNetBilinear : public Network {
 public:
  explicit UNetBilinear(std::int64_t n_channels = 3, std::int64_t n_classes = 2, std::int64_t features = 4)
      : Network("UNet"),
        inc(add("inc", DoubleConv(n_channels, features))),
        down1(add("down1", Down(features, features * 2))),
        down2(add("down2", Down(features * 2, features * 2))),
        up1(add("up1", Up(features * 4, features))),
        up2(add("up2", Up(features * 2, features))),
        outc(add("outc", OutConv(features, n_classes))) {}

  Value forward(Value x) const override {
    Value x1 = inc(x);
    Value x2 = down1(x1);
    Value x3 = down2(x2);
    x = up1.forward(x3, x2);
    x = up2.forward(x, x1);
    Value logits = outc(x);
    return logits;
  }

 private:
  DoubleConv& inc;
  Down &down1, &down2;
  Up &up1, &up2;
  OutConv& outc;
};

}  // namespace upconv::testing
