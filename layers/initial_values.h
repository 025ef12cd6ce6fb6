#pragma once

#include <span>

#include <upconv/framework/random.h>
#include <upconv/framework/shape.h>

namespace upconv {

/// Draws a weight of shape `weight`, or the bias beside it, as PyTorch's constructors do: uniform in
/// +-1/sqrt(fan_in). Source: torch.nn.init.kaiming_uniform_ with a = sqrt(5), whose fan_in is the number of
/// elements behind the first dimension; of ConvTranspose2d's weight those are out_channels / groups * kh *
/// kw.
void draw_uniform(std::span<float> values, const Shape& weight, RandomStream& random);

}  // namespace upconv
