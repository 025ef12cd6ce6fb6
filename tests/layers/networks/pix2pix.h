#pragma once

#include <cstdint>
#include <utility>

#include <upconv/upconv.h>

namespace upconv::testing {

/// One level of pix2pix's U-Net with all levels inside it. In PyTorch the LeakyReLU that each inner level
/// begins with works in place, on the skip too: here it stands before both, where it joins the convolution
/// above, and the children of `model` keep the numbers that PyTorch gives them. (The ReLU after every join
/// would hide the difference here; in other networks nothing does.)
class UnetSkipConnectionBlock : public Network {
 public:
  /// The innermost level.
  UnetSkipConnectionBlock(std::int64_t outer_nc, std::int64_t inner_nc)
      : Network("UnetSkipConnectionBlock"), outermost(false), model(add("model", Sequential())) {
    model.append("1", down(outer_nc, inner_nc)).append("2", ReLU());
    model.append("3", up(inner_nc, outer_nc)).append("4", BatchNorm2d({.num_features = outer_nc}));
  }
  /// A level between.
  UnetSkipConnectionBlock(std::int64_t outer_nc, std::int64_t inner_nc, UnetSkipConnectionBlock submodule)
      : Network("UnetSkipConnectionBlock"), outermost(false), model(add("model", Sequential())) {
    model.append("1", down(outer_nc, inner_nc)).append("2", BatchNorm2d({.num_features = inner_nc}));
    model.append("3", std::move(submodule)).append("4", ReLU());
    model.append("5", up(inner_nc * 2, outer_nc)).append("6", BatchNorm2d({.num_features = outer_nc}));
  }
  /// The outermost level, of other channels in than out.
  UnetSkipConnectionBlock(std::int64_t outer_nc, std::int64_t inner_nc, std::int64_t input_nc,
                          UnetSkipConnectionBlock submodule)
      : Network("UnetSkipConnectionBlock"), outermost(true), model(add("model", Sequential())) {
    model.append(down(input_nc, inner_nc)).append(std::move(submodule)).append(ReLU());
    model.append(up(inner_nc * 2, outer_nc, true)).append(Tanh());
  }

  Value forward(Value x) const override {
    if (outermost) return model(x);
    Value skip = leaky_relu(x, 0.2);
    return cat({skip, model(skip)}, 1);
  }

 private:
  static Conv2d down(std::int64_t in, std::int64_t out) {
    return Conv2d(
        {.in_channels = in, .out_channels = out, .kernel_size = 4, .stride = 2, .padding = 1, .bias = false});
  }
  static ConvTranspose2d up(std::int64_t in, std::int64_t out, bool bias = false) {
    return ConvTranspose2d(
        {.in_channels = in, .out_channels = out, .kernel_size = 4, .stride = 2, .padding = 1, .bias = bias});
  }

  bool outermost;
  Sequential& model;
};

/// pix2pix's generator (Isola et al., 2017) with five levels: images of 32 n by 32 m pixels.
class UnetGenerator : public Network {
 public:
  explicit UnetGenerator(std::int64_t input_nc = 3, std::int64_t output_nc = 1, std::int64_t ngf = 2)
      : Network("UnetGenerator"), model(add("model", levels(input_nc, output_nc, ngf))) {}

  Value forward(Value x) const override { return model(x); }

 private:
  static UnetSkipConnectionBlock levels(std::int64_t input_nc, std::int64_t output_nc, std::int64_t ngf) {
    UnetSkipConnectionBlock innermost(ngf * 4, ngf * 4);
    UnetSkipConnectionBlock level4(ngf * 4, ngf * 4, std::move(innermost));
    UnetSkipConnectionBlock level3(ngf * 2, ngf * 4, std::move(level4));
    UnetSkipConnectionBlock level2(ngf, ngf * 2, std::move(level3));
    return UnetSkipConnectionBlock(output_nc, ngf, input_nc, std::move(level2));
  }

  UnetSkipConnectionBlock& model;
};

}  // namespace upconv::testing
