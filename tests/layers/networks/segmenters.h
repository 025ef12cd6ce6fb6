#pragma once

#include <cstdint>
#include <utility>

#include <upconv/upconv.h>

// DBNet's head and LinkNet.

namespace upconv::testing {

/// DBNet's head with differentiable binarisation (Liao et al., 2020): three maps, as in training.
class DBHead : public Network {
 public:
  explicit DBHead(std::int64_t in_channels = 16, double steepness = 50)
      : Network("DBHead"),
        k(steepness),
        binarize(add("binarize", branch(in_channels))),
        thresh(add("thresh", branch(in_channels))) {}

  Value forward(Value x) const override {
    Value shrink_maps = binarize(x);
    Value threshold_maps = thresh(x);
    Value binary_maps = step_function(shrink_maps, threshold_maps);
    return cat({shrink_maps, threshold_maps, binary_maps}, 1);
  }

 private:
  static Sequential branch(std::int64_t in_channels) {
    const std::int64_t inner = in_channels / 4;
    Sequential result;
    result.append(Conv2d(
        {.in_channels = in_channels, .out_channels = inner, .kernel_size = 3, .padding = 1, .bias = false}));
    result.append(BatchNorm2d({.num_features = inner})).append(ReLU());
    result.append(
        ConvTranspose2d({.in_channels = inner, .out_channels = inner, .kernel_size = 2, .stride = 2}));
    result.append(BatchNorm2d({.num_features = inner})).append(ReLU());
    result.append(ConvTranspose2d({.in_channels = inner, .out_channels = 1, .kernel_size = 2, .stride = 2}));
    result.append(Sigmoid());
    return result;
  }
  Value step_function(Value x, Value y) const { return reciprocal(1.0 + exp(-k * (x - y))); }

  double k;
  Sequential &binarize, &thresh;
};

/// Of 3x3 or 1x1, without a bias, for a normalisation after it.
inline Conv2d plain_conv(std::int64_t in, std::int64_t out, std::int64_t kernel_size,
                         std::int64_t stride = 1) {
  return Conv2d({.in_channels = in,
                 .out_channels = out,
                 .kernel_size = kernel_size,
                 .stride = stride,
                 .padding = kernel_size / 2,
                 .bias = false});
}

/// ResNet's block.
class BasicBlock : public Network {
 public:
  explicit BasicBlock(std::int64_t in_planes, std::int64_t out_planes, std::int64_t stride = 1)
      : Network("BasicBlock"),
        conv1(add("conv1", plain_conv(in_planes, out_planes, 3, stride))),
        bn1(add("bn1", BatchNorm2d({.num_features = out_planes}))),
        relu(add("relu", ReLU())),
        conv2(add("conv2", plain_conv(out_planes, out_planes, 3))),
        bn2(add("bn2", BatchNorm2d({.num_features = out_planes}))),
        downsample(stride > 1 ? &add("downsample", Sequential()) : nullptr) {
    if (downsample == nullptr) return;
    downsample->append(plain_conv(in_planes, out_planes, 1, stride));
    downsample->append(BatchNorm2d({.num_features = out_planes}));
  }

  Value forward(Value x) const override {
    Value residual = x;
    Value out = relu(bn1(conv1(x)));
    out = bn2(conv2(out));
    if (downsample != nullptr) residual = (*downsample)(x);
    out = out + residual;
    return relu(out);
  }

 private:
  Conv2d& conv1;
  BatchNorm2d& bn1;
  ReLU& relu;
  Conv2d& conv2;
  BatchNorm2d& bn2;
  Sequential* downsample;
};

/// Two of them, the first with a stride.
class Encoder : public Network {
 public:
  Encoder(std::int64_t in_planes, std::int64_t out_planes, std::int64_t stride)
      : Network("Encoder"),
        block1(add("block1", BasicBlock(in_planes, out_planes, stride))),
        block2(add("block2", BasicBlock(out_planes, out_planes))) {}

  Value forward(Value x) const override {
    x = block1(x);
    return block2(x);
  }

 private:
  BasicBlock &block1, &block2;
};

/// Fewer channels, the size of the encoder's input, more channels.
class Decoder : public Network {
 public:
  Decoder(std::int64_t in_planes, std::int64_t out_planes, std::int64_t stride, std::int64_t output_padding)
      : Network("Decoder"),
        conv1(add("conv1", Sequential())),
        tp_conv(add("tp_conv", Sequential())),
        conv2(add("conv2", Sequential())) {
    const std::int64_t inner = in_planes / 4;
    conv1.append(plain_conv(in_planes, inner, 1));
    conv1.append(BatchNorm2d({.num_features = inner})).append(ReLU());
    tp_conv.append(ConvTranspose2d({.in_channels = inner,
                                    .out_channels = inner,
                                    .kernel_size = 3,
                                    .stride = stride,
                                    .padding = 1,
                                    .output_padding = output_padding,
                                    .bias = false}));
    tp_conv.append(BatchNorm2d({.num_features = inner})).append(ReLU());
    conv2.append(plain_conv(inner, out_planes, 1));
    conv2.append(BatchNorm2d({.num_features = out_planes})).append(ReLU());
  }

  Value forward(Value x) const override {
    x = conv1(x);
    x = tp_conv(x);
    return conv2(x);
  }

 private:
  Sequential &conv1, &tp_conv, &conv2;
};

/// LinkNet (Chaurasia and Culurciello, 2017) with two of its four levels; logits. Images of 8 n by 8 m
/// pixels.
class LinkNet : public Network {
 public:
  explicit LinkNet(std::int64_t n_classes = 2)
      : Network("LinkNet"),
        conv1(add("conv1", plain_conv(3, 4, 7, 2))),
        bn1(add("bn1", BatchNorm2d({.num_features = 4}))),
        relu(add("relu", ReLU())),
        maxpool(add("maxpool", MaxPool2d({.kernel_size = 3, .stride = 2, .padding = 1}))),
        encoder1(add("encoder1", Encoder(4, 4, 1))),
        encoder2(add("encoder2", Encoder(4, 8, 2))),
        decoder1(add("decoder1", Decoder(4, 4, 1, 0))),
        decoder2(add("decoder2", Decoder(8, 4, 2, 1))),
        tp_conv1(add("tp_conv1", Sequential())),
        conv2(add("conv2", Sequential())),
        tp_conv2(add(
            "tp_conv2",
            ConvTranspose2d({.in_channels = 4, .out_channels = n_classes, .kernel_size = 2, .stride = 2}))) {
    tp_conv1.append(ConvTranspose2d({.in_channels = 4,
                                     .out_channels = 4,
                                     .kernel_size = 3,
                                     .stride = 2,
                                     .padding = 1,
                                     .output_padding = 1}));
    tp_conv1.append(BatchNorm2d({.num_features = 4})).append(ReLU());
    conv2.append(Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}));
    conv2.append(BatchNorm2d({.num_features = 4})).append(ReLU());
  }

  Value forward(Value x) const override {
    x = conv1(x);
    x = bn1(x);
    x = relu(x);
    x = maxpool(x);
    Value e1 = encoder1(x);
    Value e2 = encoder2(e1);
    Value d2 = e1 + decoder2(e2);
    Value d1 = x + decoder1(d2);
    Value y = tp_conv1(d1);
    y = conv2(y);
    return tp_conv2(y);
  }

 private:
  Conv2d& conv1;
  BatchNorm2d& bn1;
  ReLU& relu;
  MaxPool2d& maxpool;
  Encoder &encoder1, &encoder2;
  Decoder &decoder1, &decoder2;
  Sequential &tp_conv1, &conv2;
  ConvTranspose2d& tp_conv2;
};

}  // namespace upconv::testing
