#pragma once

#include <cstdint>
#include <string_view>

#include <upconv/framework/language.h>

namespace upconv {

/// A stream of random numbers that depends on a seed and a name alone: the same on every platform, and
/// independent of streams with other names. For initial weights, not for secrets.
/// Source: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014); names are
/// hashed with FNV-1a.
class RandomStream {
 public:
  /// The stream of this seed and name, from its beginning.
  RandomStream(std::uint64_t seed, std::string_view name);

  /// Every 64-bit number is equally likely.
  std::uint64_t next();
  /// Uniform in [-bound, bound), one of 2^24 equidistant values rounded to float.
  float symmetric(double bound);

 private:
  std::uint64_t state_;
};

}  // namespace upconv
