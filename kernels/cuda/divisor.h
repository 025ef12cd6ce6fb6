#pragma once

#include <bit>
#include <cstdint>

#include <upconv/kernels/cuda/device/divisor.cuh>

namespace upconv::kernels::cuda {

inline device::Divisor divisor_of(std::int64_t size) {
  const auto divisor = static_cast<std::uint64_t>(size);
  const auto shift = static_cast<std::uint32_t>(std::bit_width(divisor - 1));
  if (shift > 31) return {divisor, 0, 0};  // such a dimension is walked in 64 bits
  const std::uint64_t multiplier =
      ((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor)) / divisor + 1;
  return {divisor, static_cast<std::uint32_t>(multiplier), shift};
}

}  // namespace upconv::kernels::cuda
