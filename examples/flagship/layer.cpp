#include "flagship/layer.h"

namespace flagship {

upconv::ConvTranspose2d make_layer() {
  return upconv::ConvTranspose2d({.in_channels = kChannels,
                                  .out_channels = kChannels,
                                  .kernel_size = {kKh, kKw},
                                  .padding = {kPadH, kPadW},
                                  .bias = false});
}

double flops(const upconv::Shape& x) {
  return 2.0 * static_cast<double>(x.numel()) * static_cast<double>(kChannels * kKh * kKw);
}

}  // namespace flagship
