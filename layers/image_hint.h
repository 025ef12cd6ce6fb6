#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/shape.h>

namespace upconv {

/// What a message may add about an input that is no image of `channels` channels: channels that come last, or
/// a batch or channel dimension that is missing. "" if neither explains it.
std::string image_hint(const Shape& x, std::int64_t channels);

}  // namespace upconv
