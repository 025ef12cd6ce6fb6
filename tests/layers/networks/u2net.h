#pragma once

#include <cstdint>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// Convolution, normalisation, ReLU; `dirate` spreads the kernel.
class REBNCONV : public Network {
 public:
  REBNCONV(std::int64_t in_ch, std::int64_t out_ch, std::int64_t dirate = 1)
      : Network("REBNCONV"),
        conv_s1(add("conv_s1", Conv2d({.in_channels = in_ch,
                                       .out_channels = out_ch,
                                       .kernel_size = 3,
                                       .padding = dirate,
                                       .dilation = dirate}))),
        bn_s1(add("bn_s1", BatchNorm2d({.num_features = out_ch}))),
        relu_s1(add("relu_s1", ReLU())) {}

  Value forward(Value x) const override { return relu_s1(bn_s1(conv_s1(x))); }

 private:
  Conv2d& conv_s1;
  BatchNorm2d& bn_s1;
  ReLU& relu_s1;
};

/// `src` in the size of `tar`.
inline Value upsample_like(Value src, Value tar) {
  return interpolate(src, {.size = Size2d{tar.size(2), tar.size(3)}, .mode = InterpolateMode::bilinear});
}

/// Halves the size, rounding up.
inline MaxPool2d pool() {
  return MaxPool2d({.kernel_size = 2, .stride = 2, .ceil_mode = true});
}

/// A U-Net of four layers as a block.
class RSU4 : public Network {
 public:
  RSU4(std::int64_t in_ch, std::int64_t mid_ch, std::int64_t out_ch)
      : Network("RSU4"),
        rebnconvin(add("rebnconvin", REBNCONV(in_ch, out_ch))),
        rebnconv1(add("rebnconv1", REBNCONV(out_ch, mid_ch))),
        pool1(add("pool1", pool())),
        rebnconv2(add("rebnconv2", REBNCONV(mid_ch, mid_ch))),
        pool2(add("pool2", pool())),
        rebnconv3(add("rebnconv3", REBNCONV(mid_ch, mid_ch))),
        rebnconv4(add("rebnconv4", REBNCONV(mid_ch, mid_ch, 2))),
        rebnconv3d(add("rebnconv3d", REBNCONV(mid_ch * 2, mid_ch))),
        rebnconv2d(add("rebnconv2d", REBNCONV(mid_ch * 2, mid_ch))),
        rebnconv1d(add("rebnconv1d", REBNCONV(mid_ch * 2, out_ch))) {}

  Value forward(Value x) const override {
    Value hx = x;
    Value hxin = rebnconvin(hx);
    Value hx1 = rebnconv1(hxin);
    hx = pool1(hx1);
    Value hx2 = rebnconv2(hx);
    hx = pool2(hx2);
    Value hx3 = rebnconv3(hx);
    Value hx4 = rebnconv4(hx3);
    Value hx3d = rebnconv3d(cat({hx4, hx3}, 1));
    Value hx3dup = upsample_like(hx3d, hx2);
    Value hx2d = rebnconv2d(cat({hx3dup, hx2}, 1));
    Value hx2dup = upsample_like(hx2d, hx1);
    Value hx1d = rebnconv1d(cat({hx2dup, hx1}, 1));
    return hx1d + hxin;
  }

 private:
  REBNCONV &rebnconvin, &rebnconv1;
  MaxPool2d& pool1;
  REBNCONV& rebnconv2;
  MaxPool2d& pool2;
  REBNCONV &rebnconv3, &rebnconv4, &rebnconv3d, &rebnconv2d, &rebnconv1d;
};

/// The same with dilation in place of smaller images.
class RSU4F : public Network {
 public:
  RSU4F(std::int64_t in_ch, std::int64_t mid_ch, std::int64_t out_ch)
      : Network("RSU4F"),
        rebnconvin(add("rebnconvin", REBNCONV(in_ch, out_ch))),
        rebnconv1(add("rebnconv1", REBNCONV(out_ch, mid_ch))),
        rebnconv2(add("rebnconv2", REBNCONV(mid_ch, mid_ch, 2))),
        rebnconv3(add("rebnconv3", REBNCONV(mid_ch, mid_ch, 4))),
        rebnconv4(add("rebnconv4", REBNCONV(mid_ch, mid_ch, 8))),
        rebnconv3d(add("rebnconv3d", REBNCONV(mid_ch * 2, mid_ch, 4))),
        rebnconv2d(add("rebnconv2d", REBNCONV(mid_ch * 2, mid_ch, 2))),
        rebnconv1d(add("rebnconv1d", REBNCONV(mid_ch * 2, out_ch))) {}

  Value forward(Value x) const override {
    Value hx = x;
    Value hxin = rebnconvin(hx);
    Value hx1 = rebnconv1(hxin);
    Value hx2 = rebnconv2(hx1);
    Value hx3 = rebnconv3(hx2);
    Value hx4 = rebnconv4(hx3);
    Value hx3d = rebnconv3d(cat({hx4, hx3}, 1));
    Value hx2d = rebnconv2d(cat({hx3d, hx2}, 1));
    Value hx1d = rebnconv1d(cat({hx2d, hx1}, 1));
    return hx1d + hxin;
  }

 private:
  REBNCONV &rebnconvin, &rebnconv1, &rebnconv2, &rebnconv3, &rebnconv4, &rebnconv3d, &rebnconv2d, &rebnconv1d;
};

/// U2-Net (Qin et al., 2020) with one stage down and one up: the joined map and those of both stages.
class U2NET : public Network {
 public:
  explicit U2NET(std::int64_t in_ch = 3, std::int64_t out_ch = 1)
      : Network("U2NET"),
        stage1(add("stage1", RSU4(in_ch, 2, 4))),
        pool12(add("pool12", pool())),
        stage2(add("stage2", RSU4F(4, 2, 4))),
        stage1d(add("stage1d", RSU4(8, 2, 4))),
        side1(add("side1", side(4, out_ch))),
        side2(add("side2", side(4, out_ch))),
        outconv(
            add("outconv", Conv2d({.in_channels = 2 * out_ch, .out_channels = out_ch, .kernel_size = 1}))) {}

  Values forward_all(std::span<const Value> inputs) const override {
    Value hx = inputs[0];
    Value hx1 = stage1(hx);
    hx = pool12(hx1);
    Value hx2 = stage2(hx);
    Value hx2up = upsample_like(hx2, hx1);
    Value hx1d = stage1d(cat({hx2up, hx1}, 1));
    Value d1 = side1(hx1d);
    Value d2 = side2(hx2);
    d2 = upsample_like(d2, d1);
    Value d0 = outconv(cat({d1, d2}, 1));
    return {sigmoid(d0), sigmoid(d1), sigmoid(d2)};
  }

 private:
  static Conv2d side(std::int64_t in_ch, std::int64_t out_ch) {
    return Conv2d({.in_channels = in_ch, .out_channels = out_ch, .kernel_size = 3, .padding = 1});
  }

  RSU4& stage1;
  MaxPool2d& pool12;
  RSU4F& stage2;
  RSU4& stage1d;
  Conv2d &side1, &side2, &outconv;
};

}  // namespace upconv::testing
