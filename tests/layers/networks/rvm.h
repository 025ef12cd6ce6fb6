#pragma once

#include <cstdint>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// A value, and the state for the next frame.
struct WithState {
  Value x, r;
};

/// A gated recurrent unit of convolutions; its output is its state.
class ConvGRU : public Network {
 public:
  explicit ConvGRU(std::int64_t count)
      : Network("ConvGRU"), channels(count), ih(add("ih", Sequential())), hh(add("hh", Sequential())) {
    ih.append(Conv2d({.in_channels = count * 2, .out_channels = count * 2, .kernel_size = 3, .padding = 1}));
    ih.append(Sigmoid());
    hh.append(Conv2d({.in_channels = count * 2, .out_channels = count, .kernel_size = 3, .padding = 1}));
    hh.append(Tanh());
  }

  using Network::forward;  // of one value
  Value forward(Value x, Value h) const {
    const Values gates = split(ih(cat({x, h}, 1)), channels, 1);
    const Value &r = gates[0], &z = gates[1];
    Value c = hh(cat({x, r * h}, 1));
    return (1.0 - z) * h + z * c;
  }

 private:
  std::int64_t channels;
  Sequential &ih, &hh;
};

/// Half of the channels go through a ConvGRU.
class BottleneckBlock : public Network {
 public:
  explicit BottleneckBlock(std::int64_t count)
      : Network("BottleneckBlock"), channels(count), gru(add("gru", ConvGRU(count / 2))) {}

  using Network::forward;
  WithState forward(Value x, Value r) const {
    const Values parts = split(x, channels / 2, -3);
    Value b = gru.forward(parts[1], r);
    return {cat({parts[0], b}, -3), b};
  }

 private:
  std::int64_t channels;
  ConvGRU& gru;
};

/// `x` in the size of `s`, which is about twice its own.
inline Value upsampled(const Upsample& upsample, Value x, Value s) {
  x = upsample(x);
  x = slice(x, 2, 0, s.size(2));
  return slice(x, 3, 0, s.size(3));
}

/// Doubles the size, joins features and image, and goes on as BottleneckBlock.
class UpsamplingBlock : public Network {
 public:
  UpsamplingBlock(std::int64_t in_channels, std::int64_t skip_channels, std::int64_t src_channels,
                  std::int64_t count)
      : Network("UpsamplingBlock"),
        out_channels(count),
        upsample(
            add("upsample",
                Upsample({.scale_factor = 2, .mode = InterpolateMode::bilinear, .align_corners = false}))),
        conv(add("conv", Sequential())),
        gru(add("gru", ConvGRU(count / 2))) {
    conv.append(Conv2d({.in_channels = in_channels + skip_channels + src_channels,
                        .out_channels = count,
                        .kernel_size = 3,
                        .padding = 1,
                        .bias = false}));
    conv.append(BatchNorm2d({.num_features = count})).append(ReLU());
  }

  using Network::forward;
  WithState forward(Value x, Value f, Value s, Value r) const {
    x = upsampled(upsample, x, s);
    x = cat({x, f, s}, 1);
    x = conv(x);
    const Values parts = split(x, out_channels / 2, 1);
    Value b = gru.forward(parts[1], r);
    return {cat({parts[0], b}, 1), b};
  }

 private:
  std::int64_t out_channels;
  Upsample& upsample;
  Sequential& conv;
  ConvGRU& gru;
};

/// Doubles the size and joins the image.
class OutputBlock : public Network {
 public:
  OutputBlock(std::int64_t in_channels, std::int64_t src_channels, std::int64_t out_channels)
      : Network("OutputBlock"),
        upsample(
            add("upsample",
                Upsample({.scale_factor = 2, .mode = InterpolateMode::bilinear, .align_corners = false}))),
        conv(add("conv", Sequential())) {
    for (const std::int64_t in : {in_channels + src_channels, out_channels}) {
      conv.append(Conv2d(
          {.in_channels = in, .out_channels = out_channels, .kernel_size = 3, .padding = 1, .bias = false}));
      conv.append(BatchNorm2d({.num_features = out_channels})).append(ReLU());
    }
  }

  using Network::forward;
  Value forward(Value x, Value s) const {
    x = upsampled(upsample, x, s);
    x = cat({x, s}, 1);
    return conv(x);
  }

 private:
  Upsample& upsample;
  Sequential& conv;
};

/// The decoder of Robust Video Matting (Lin et al., 2021) with two of its five levels. Takes an image s0, its
/// features f1 and f2 in a half and a quarter of its size, and the states r1 and r2; gives x0, r1 and r2. The
/// caller feeds the states to the next frame.
class RecurrentDecoder : public Network {
 public:
  RecurrentDecoder()
      : Network("RecurrentDecoder"),
        avgpool(
            add("avgpool",
                AvgPool2d({.kernel_size = 2, .stride = 2, .ceil_mode = true, .count_include_pad = false}))),
        decode2(add("decode2", BottleneckBlock(8))),
        decode1(add("decode1", UpsamplingBlock(8, 4, 3, 6))),
        decode0(add("decode0", OutputBlock(6, 3, 4))) {}

  Values forward_all(std::span<const Value> inputs) const override {
    const Value &s0 = inputs[0], &f1 = inputs[1], &f2 = inputs[2];
    Value s1 = avgpool(s0);
    auto [x2, r2] = decode2.forward(f2, inputs[4]);
    auto [x1, r1] = decode1.forward(x2, f1, s1, inputs[3]);
    Value x0 = decode0.forward(x1, s0);
    return {x0, r1, r2};
  }

 private:
  AvgPool2d& avgpool;
  BottleneckBlock& decode2;
  UpsamplingBlock& decode1;
  OutputBlock& decode0;
};

}  // namespace upconv::testing
