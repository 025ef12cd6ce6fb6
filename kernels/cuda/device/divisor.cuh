#pragma once

#include <cstdint>

namespace upconv::kernels::cuda::device {

/// Divides by a number that is known when the kernel is launched: numbers below 2^31 by a multiplication.
/// Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994.
struct Divisor {
  std::uint64_t divisor = 1;
  std::uint32_t multiplier = 1, shift = 0;

  __device__ std::uint32_t quotient(std::uint32_t n) const { return (__umulhi(n, multiplier) + n) >> shift; }
  __device__ std::uint64_t quotient(std::uint64_t n) const { return n / divisor; }
};

}  // namespace upconv::kernels::cuda::device
