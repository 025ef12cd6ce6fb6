#include "restore/restorer.h"

namespace restore {

using upconv::Conv2d;
using upconv::ConvTranspose2d;
using upconv::Value;

namespace {

constexpr std::int64_t kFull = 24, kHalf = 48, kQuarter = 96;  // channels at each size of the picture

Conv2d conv3x3(std::int64_t in, std::int64_t out) {
  return Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1});
}

Conv2d halve(std::int64_t in, std::int64_t out) {
  return Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 2, .stride = 2});
}

ConvTranspose2d twice(std::int64_t in, std::int64_t out) {
  return ConvTranspose2d({.in_channels = in, .out_channels = out, .kernel_size = 2, .stride = 2});
}

/// What is missing to a multiple of kGrid: Python's -size % kGrid.
std::int64_t missing(std::int64_t size) {
  return (kGrid - size % kGrid) % kGrid;
}

}  // namespace

ResidualBlock::ResidualBlock(std::int64_t channels)
    : Network("ResidualBlock"),
      conv1(add("conv1", conv3x3(channels, channels))),
      conv2(add("conv2", conv3x3(channels, channels))) {}

Value ResidualBlock::forward(Value x) const {
  return x + conv2(relu(conv1(x)));
}

Restorer::Restorer()
    : Network("Restorer"),
      head(add("head", conv3x3(3, kFull))),
      encode1(add("encode1", ResidualBlock(kFull))),
      down1(add("down1", halve(kFull, kHalf))),
      encode2(add("encode2", ResidualBlock(kHalf))),
      down2(add("down2", halve(kHalf, kQuarter))),
      middle1(add("middle1", ResidualBlock(kQuarter))),
      middle2(add("middle2", ResidualBlock(kQuarter))),
      up2(add("up2", twice(kQuarter, kHalf))),
      merge2(add("merge2", conv3x3(2 * kHalf, kHalf))),
      decode2(add("decode2", ResidualBlock(kHalf))),
      up1(add("up1", twice(kHalf, kFull))),
      merge1(add("merge1", conv3x3(2 * kFull, kFull))),
      decode1(add("decode1", ResidualBlock(kFull))),
      tail(add("tail", conv3x3(kFull, 3))) {}

Value Restorer::forward(Value x) const {
  const std::int64_t height = x.size(2), width = x.size(3);
  x = pad(x, {0, missing(width), 0, missing(height)}, upconv::PadMode::replicate);
  Value skip1 = encode1(head(x));
  Value skip2 = encode2(down1(skip1));
  Value deep = middle2(middle1(down2(skip2)));
  Value y = decode2(relu(merge2(upconv::cat({up2(deep), skip2}, 1))));
  y = decode1(relu(merge1(upconv::cat({up1(y), skip1}, 1))));
  return narrow(narrow(x + tail(y), 2, 0, height), 3, 0, width);
}

}  // namespace restore
