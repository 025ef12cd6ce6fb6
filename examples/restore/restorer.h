#pragma once

#include <cstdint>

#include <upconv/upconv.h>

namespace restore {

/// What sides are padded to a multiple of inside the network, and where windows into a larger picture may
/// begin.
inline constexpr int kGrid = 4;

/// How many pixels around a pixel its restored value depends on. Outwards from the result: 1 through `tail`,
/// 2 through `decode1`, 1 through `merge1`; at half the size 3 through `decode2` and `merge2`; at a quarter 4
/// through the middle; then 2 through `encode2` and 3 through `encode1` and `head`. Each step up or down
/// rounds outwards: output 1 reads the halves from -2, less 3 is -5, the quarters from -3, less 4 is -7;
/// which are made of the halves from -14, less 2 is -16, and those of the pixels from -32, less 3 is -35.
/// That is 36 away. A test checks it.
inline constexpr int kReach = 36;

/// x + conv2(relu(conv1(x))), with 3x3 convolutions.
class ResidualBlock : public upconv::Network {
 public:
  explicit ResidualBlock(std::int64_t channels);
  upconv::Value forward(upconv::Value x) const override;

 private:
  upconv::Conv2d &conv1, &conv2;
};

/// A small residual U-Net: RGB [N,3,H,W] in [0, 1], noisy or with JPEG artefacts, to the same without; any H
/// and W. It computes what is to be added to its input. Children are named as in tools/restorer_network.py,
/// whose `forward` this one repeats.
class Restorer : public upconv::Network {
 public:
  Restorer();
  upconv::Value forward(upconv::Value x) const override;

 private:
  upconv::Conv2d& head;
  ResidualBlock& encode1;
  upconv::Conv2d& down1;
  ResidualBlock& encode2;
  upconv::Conv2d& down2;
  ResidualBlock &middle1, &middle2;
  upconv::ConvTranspose2d& up2;
  upconv::Conv2d& merge2;
  ResidualBlock& decode2;
  upconv::ConvTranspose2d& up1;
  upconv::Conv2d& merge1;
  ResidualBlock& decode1;
  upconv::Conv2d& tail;
};

}  // namespace restore
