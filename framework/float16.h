#pragma once

#include <bit>
#include <cstdint>

#include <upconv/framework/language.h>

namespace upconv {

/// IEEE 754 binary16 ("half", torch.float16) as storage. Converts exactly to float, and from float rounding
/// to nearest even; values beyond 65504 become infinity, NaN stays NaN.
struct Float16 {
  std::uint16_t bits = 0;  ///< The stored 16 bits.

  constexpr Float16() = default;  ///< Zero.
  /// The nearest value, ties to even.
  constexpr explicit Float16(float value) : bits(round(value)) {}
  /// The value that is stored as these bits.
  static constexpr Float16 from_bits(std::uint16_t bits) {
    Float16 result;
    result.bits = bits;
    return result;
  }

  /// The same value, exactly.
  constexpr operator float() const {
    const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1fu;
    const std::uint32_t mantissa = bits & 0x3ffu;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // zero and subnormals, exact
    return sign ? -magnitude : magnitude;
  }

 private:
  static constexpr std::uint16_t round(float value) {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (word >> 16) & 0x8000u;
    const std::uint32_t magnitude = word & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to infinity
    if (magnitude < 0x38800000u) {  // subnormal half: adding 0.5 lets the FPU round at 2^-24
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
  }
};

/// bfloat16 (torch.bfloat16): the upper half of a float, as storage. Conversions round to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;  ///< The stored 16 bits.

  constexpr BFloat16() = default;  ///< Zero.
  /// The nearest value, ties to even.
  constexpr explicit BFloat16(float value) : bits(round(value)) {}
  /// The value that is stored as these bits.
  static constexpr BFloat16 from_bits(std::uint16_t bits) {
    BFloat16 result;
    result.bits = bits;
    return result;
  }

  /// The same value, exactly.
  constexpr operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

 private:
  static constexpr std::uint16_t round(float value) {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7fffffffu) > 0x7f800000u)
      return static_cast<std::uint16_t>((word >> 16) | 0x40u);  // quiet NaN
    return static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
};

}  // namespace upconv
