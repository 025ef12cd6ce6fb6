#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <upconv/tests/layers/networks/rrdbnet.h>
#include <upconv/upconv.h>

// Upscalers that are little more than chains: EDSR, SRVGGNetCompact, LapSRN, ESPCN.

namespace upconv::testing {

/// EDSR's block.
class ResBlock : public Network {
 public:
  ResBlock(std::int64_t n_feats, double scale)
      : Network("ResBlock"), body(add("body", Sequential())), res_scale(scale) {
    body.append(conv3x3(n_feats, n_feats)).append(ReLU()).append(conv3x3(n_feats, n_feats));
  }

  Value forward(Value x) const override {
    Value res = body(x) * res_scale;
    res = res + x;
    return res;
  }

 private:
  Sequential& body;
  double res_scale;
};

/// A convolution whose channels become pixels; a class of its own in PyTorch, derived from Sequential.
inline Sequential upsampler(std::int64_t scale, std::int64_t n_feats) {
  Sequential result;
  result.append(conv3x3(n_feats, scale * scale * n_feats)).append(PixelShuffle({.upscale_factor = scale}));
  return result;
}

/// EDSR (Lim et al., 2017). MeanShift is a 1x1 convolution.
class EDSR : public Network {
 public:
  explicit EDSR(std::int64_t scale = 3, int n_resblocks = 2, std::int64_t n_feats = 4, double res_scale = 0.1)
      : Network("EDSR"),
        sub_mean(add("sub_mean", Conv2d({.in_channels = 3, .out_channels = 3, .kernel_size = 1}))),
        add_mean(add("add_mean", Conv2d({.in_channels = 3, .out_channels = 3, .kernel_size = 1}))),
        head(add("head", Sequential())),
        body(add("body", Sequential())),
        tail(add("tail", Sequential())) {
    head.append(conv3x3(3, n_feats));
    for (int i = 0; i < n_resblocks; ++i)
      body.append(ResBlock(n_feats, res_scale));
    body.append(conv3x3(n_feats, n_feats));
    tail.append(upsampler(scale, n_feats)).append(conv3x3(n_feats, 3));
  }

  Value forward(Value x) const override {
    x = sub_mean(x);
    x = head(x);
    Value res = body(x);
    res = res + x;
    x = tail(res);
    x = add_mean(x);
    return x;
  }

 private:
  Conv2d &sub_mean, &add_mean;
  Sequential &head, &body, &tail;
};

/// Real-ESRGAN's compact network (Wang et al., 2021). PyTorch's ModuleList is a Sequential that is called.
class SRVGGNetCompact : public Network {
 public:
  explicit SRVGGNetCompact(std::int64_t num_in_ch = 3, std::int64_t num_out_ch = 3, std::int64_t num_feat = 6,
                           int num_conv = 2, std::int64_t scale = 2)
      : Network("SRVGGNetCompact"),
        upscale(static_cast<double>(scale)),
        body(add("body", Sequential())),
        upsampler(add("upsampler", PixelShuffle({.upscale_factor = scale}))) {
    body.append(conv3x3(num_in_ch, num_feat)).append(PReLU({.num_parameters = num_feat}));
    for (int i = 0; i < num_conv; ++i)
      body.append(conv3x3(num_feat, num_feat)).append(PReLU({.num_parameters = num_feat}));
    body.append(conv3x3(num_feat, num_out_ch * scale * scale));
  }

  Value forward(Value x) const override {
    Value out = body(x);
    out = upsampler(out);
    Value base = interpolate(x, {.scale_factor = upscale, .mode = InterpolateMode::nearest});
    out = out + base;
    return out;
  }

 private:
  double upscale;
  Sequential& body;
  PixelShuffle& upsampler;
};

/// A level of LapSRN: convolutions, then twice the size.
class ConvBlock : public Network {
 public:
  explicit ConvBlock(std::int64_t features)
      : Network("ConvBlock"), cov_block(add("cov_block", Sequential())) {
    for (int i = 0; i < 2; ++i) {
      cov_block.append(Conv2d({.in_channels = features,
                               .out_channels = features,
                               .kernel_size = 3,
                               .padding = 1,
                               .bias = false}));
      cov_block.append(LeakyReLU({.negative_slope = 0.2}));
    }
    cov_block.append(ConvTranspose2d({.in_channels = features,
                                      .out_channels = features,
                                      .kernel_size = 4,
                                      .stride = 2,
                                      .padding = 1,
                                      .bias = false}));
    cov_block.append(LeakyReLU({.negative_slope = 0.2}));
  }

  Value forward(Value x) const override { return cov_block(x); }

 private:
  Sequential& cov_block;
};

/// LapSRN (Lai et al., 2017): the image in twice and in four times its size.
class LapSRN : public Network {
 public:
  explicit LapSRN(std::int64_t features = 5)
      : Network("LapSRN"),
        conv_input(add("conv_input", conv(1, features))),
        relu(add("relu", LeakyReLU({.negative_slope = 0.2}))),
        convt_I1(add("convt_I1", twice())),
        convt_R1(add("convt_R1", conv(features, 1))),
        convt_F1(add("convt_F1", Sequential())),
        convt_I2(add("convt_I2", twice())),
        convt_R2(add("convt_R2", conv(features, 1))),
        convt_F2(add("convt_F2", Sequential())) {
    convt_F1.append(ConvBlock(features));
    convt_F2.append(ConvBlock(features));
  }

  Values forward_all(std::span<const Value> inputs) const override {
    const Value& x = inputs[0];
    Value out = relu(conv_input(x));
    Value f1 = convt_F1(out);
    Value i1 = convt_I1(x);
    Value r1 = convt_R1(f1);
    Value hr_2x = i1 + r1;
    Value f2 = convt_F2(f1);
    Value i2 = convt_I2(hr_2x);
    Value r2 = convt_R2(f2);
    Value hr_4x = i2 + r2;
    return {hr_2x, hr_4x};
  }

 private:
  static Conv2d conv(std::int64_t in, std::int64_t out) {
    return Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1, .bias = false});
  }
  static ConvTranspose2d twice() {
    return ConvTranspose2d(
        {.in_channels = 1, .out_channels = 1, .kernel_size = 4, .stride = 2, .padding = 1, .bias = false});
  }

  Conv2d& conv_input;
  LeakyReLU& relu;
  ConvTranspose2d& convt_I1;
  Conv2d& convt_R1;
  Sequential& convt_F1;
  ConvTranspose2d& convt_I2;
  Conv2d& convt_R2;
  Sequential& convt_F2;
};

/// ESPCN (Shi et al., 2016) as in PyTorch's examples.
class ESPCN : public Network {
 public:
  explicit ESPCN(std::int64_t factor = 3)
      : Network("ESPCN"),
        conv1(add("conv1", Conv2d({.in_channels = 1, .out_channels = 8, .kernel_size = 5, .padding = 2}))),
        conv2(add("conv2", conv3x3(8, 8))),
        conv3(add("conv3", conv3x3(8, 4))),
        conv4(add("conv4", conv3x3(4, factor * factor))),
        pixel_shuffle(add("pixel_shuffle", PixelShuffle({.upscale_factor = factor}))) {}

  Value forward(Value x) const override {
    x = relu(conv1(x));
    x = relu(conv2(x));
    x = relu(conv3(x));
    x = pixel_shuffle(conv4(x));
    return x;
  }

 private:
  Conv2d &conv1, &conv2, &conv3, &conv4;
  PixelShuffle& pixel_shuffle;
};

}  // namespace upconv::testing
