#pragma once

#include <cstdint>

#include <upconv/upconv.h>

namespace upconv::testing {

/// Seeded values k/16 with |k| <= 32: sums of their products are exact in fp32.
inline Tensor values(const Shape& shape, std::uint32_t seed, DType dtype = DType::f32) {
  Tensor result = Tensor::empty(shape);
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (float& value : result.data<float>()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>((state >> 16) % 65) - 32) / 16.0f;
  }
  return dtype == DType::f32 ? std::move(result) : result.to(dtype);
}

/// Loads seeded values into every parameter; variances become positive.
inline void load_values(Module& module, std::uint32_t seed) {
  StateDict weights;
  for (const EntrySpec& entry : module.entries()) {
    if (entry.dtype == DType::i64) continue;
    Tensor tensor = values(entry.shape, ++seed);
    if (entry.name.ends_with("running_var")) {
      for (float& value : tensor.data<float>())
        value = value * value + 0.5f;
    }
    weights.insert(entry.name, std::move(tensor));
  }
  module.load(weights);
}

}  // namespace upconv::testing
