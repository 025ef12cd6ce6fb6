#pragma once

#include <cstdint>

#include <upconv/upconv.h>

namespace flagship {

// The layer that upconv is measured by: stride 1, no bias, as many rows and columns out as in.
inline constexpr std::int64_t kChannels = 32;  // in and out
inline constexpr std::int64_t kKh = 3, kKw = 7;
inline constexpr std::int64_t kPadH = 1, kPadW = 3;

/// Its one parameter, "weight", is still to be loaded.
upconv::ConvTranspose2d make_layer();

/// Floating-point operations of a run on `x`, two a product; products with padding count, as is customary.
double flops(const upconv::Shape& x);

}  // namespace flagship
