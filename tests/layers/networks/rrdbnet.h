#pragma once

#include <cstdint>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// A convolution of 3x3 that keeps the size.
inline Conv2d conv3x3(std::int64_t in, std::int64_t out) {
  return Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1});
}

/// Five convolutions, each of all that is before it.
class ResidualDenseBlock : public Network {
 public:
  ResidualDenseBlock(std::int64_t num_feat, std::int64_t num_grow_ch)
      : Network("ResidualDenseBlock"),
        conv1(add("conv1", conv3x3(num_feat, num_grow_ch))),
        conv2(add("conv2", conv3x3(num_feat + num_grow_ch, num_grow_ch))),
        conv3(add("conv3", conv3x3(num_feat + 2 * num_grow_ch, num_grow_ch))),
        conv4(add("conv4", conv3x3(num_feat + 3 * num_grow_ch, num_grow_ch))),
        conv5(add("conv5", conv3x3(num_feat + 4 * num_grow_ch, num_feat))),
        lrelu(add("lrelu", LeakyReLU({.negative_slope = 0.2}))) {}

  Value forward(Value x) const override {
    Value x1 = lrelu(conv1(x));
    Value x2 = lrelu(conv2(cat({x, x1}, 1)));
    Value x3 = lrelu(conv3(cat({x, x1, x2}, 1)));
    Value x4 = lrelu(conv4(cat({x, x1, x2, x3}, 1)));
    Value x5 = conv5(cat({x, x1, x2, x3, x4}, 1));
    return x5 * 0.2 + x;
  }

 private:
  Conv2d &conv1, &conv2, &conv3, &conv4, &conv5;
  LeakyReLU& lrelu;
};

/// Residual in residual dense block.
class RRDB : public Network {
 public:
  RRDB(std::int64_t num_feat, std::int64_t num_grow_ch)
      : Network("RRDB"),
        rdb1(add("rdb1", ResidualDenseBlock(num_feat, num_grow_ch))),
        rdb2(add("rdb2", ResidualDenseBlock(num_feat, num_grow_ch))),
        rdb3(add("rdb3", ResidualDenseBlock(num_feat, num_grow_ch))) {}

  Value forward(Value x) const override {
    Value out = rdb1(x);
    out = rdb2(out);
    out = rdb3(out);
    return out * 0.2 + x;
  }

 private:
  ResidualDenseBlock &rdb1, &rdb2, &rdb3;
};

/// ESRGAN's generator (Wang et al., 2018) as BasicSR has it, x4.
class RRDBNet : public Network {
 public:
  explicit RRDBNet(std::int64_t num_in_ch = 3, std::int64_t num_out_ch = 1, std::int64_t num_feat = 4,
                   int num_block = 1, std::int64_t num_grow_ch = 2)
      : Network("RRDBNet"),
        conv_first(add("conv_first", conv3x3(num_in_ch, num_feat))),
        body(add("body", Sequential())),
        conv_body(add("conv_body", conv3x3(num_feat, num_feat))),
        conv_up1(add("conv_up1", conv3x3(num_feat, num_feat))),
        conv_up2(add("conv_up2", conv3x3(num_feat, num_feat))),
        conv_hr(add("conv_hr", conv3x3(num_feat, num_feat))),
        conv_last(add("conv_last", conv3x3(num_feat, num_out_ch))),
        lrelu(add("lrelu", LeakyReLU({.negative_slope = 0.2}))) {
    for (int i = 0; i < num_block; ++i)
      body.append(RRDB(num_feat, num_grow_ch));
  }

  Value forward(Value x) const override {
    Value feat = conv_first(x);
    Value body_feat = conv_body(body(feat));
    feat = feat + body_feat;
    feat = lrelu(conv_up1(interpolate(feat, {.scale_factor = 2, .mode = InterpolateMode::nearest})));
    feat = lrelu(conv_up2(interpolate(feat, {.scale_factor = 2, .mode = InterpolateMode::nearest})));
    Value out = conv_last(lrelu(conv_hr(feat)));
    return out;
  }

 private:
  Conv2d& conv_first;
  Sequential& body;
  Conv2d &conv_body, &conv_up1, &conv_up2, &conv_hr, &conv_last;
  LeakyReLU& lrelu;
};

}  // namespace upconv::testing
