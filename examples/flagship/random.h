#pragma once

#include <cstdint>

#include <upconv/framework/tensor.h>

namespace flagship {

/// Standard normal values in f32, on the CPU. The same for the same shape and seed, however many threads made
/// them.
upconv::Tensor random_normal(const upconv::Shape& shape, std::uint32_t seed);

}  // namespace flagship
