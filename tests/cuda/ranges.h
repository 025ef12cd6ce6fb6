#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <span>
#include <vector>

#include "cuda/support.h"

/// Operands of every size, for tests of what a precision promises.
namespace upconv::test {

/// How far a type reaches without its results overflowing.
struct Reach {
  float large, small, denormal, largest;
  float least_exponent, most_exponent;  ///< Of ten, for values of all sizes.
  int binary_exponent;                  ///< What channels may be scaled by.
  float offset, outlier, extreme, beside_outlier;
};

/// What a Range fills.
struct Filling {
  const kernels::ConvProblem& p;
  Reach reach;
  Random& random;
  std::span<float> x, w;  ///< Standard normal.

  float power_of_ten() {
    return std::pow(10.0f,
                    std::uniform_real_distribution<float>(reach.least_exponent, reach.most_exponent)(random));
  }
  /// Of an element of the weight, among all groups' channels.
  std::size_t input_channel(std::size_t i) const {
    const auto taps = static_cast<std::size_t>(p.kh * p.kw);
    const auto ci = static_cast<std::size_t>(p.ci_per_group()),
               co = static_cast<std::size_t>(p.co_per_group());
    return p.transposed ? i / (taps * co) : i / (taps * ci * co) * ci + i / taps % ci;
  }
  std::size_t output_channel(std::size_t i) const {
    const auto taps = static_cast<std::size_t>(p.kh * p.kw);
    const auto ci = static_cast<std::size_t>(p.ci_per_group()),
               co = static_cast<std::size_t>(p.co_per_group());
    return p.transposed ? i / (taps * co * ci) * co + i / taps % co : i / (taps * ci);
  }
  std::vector<int> random_exponents(std::int64_t count) {
    std::vector<int> exponents(static_cast<std::size_t>(count));
    for (int& exponent : exponents)
      exponent = std::uniform_int_distribution<int>(-reach.binary_exponent, reach.binary_exponent)(random);
    return exponents;
  }
};

/// A way to fill operands.
struct Range {
  const char* name;
  void (*fill)(Filling& f);
  /// Outputs with a greater sum |x * w| read an outlier, and one product is all of them: they count one by
  /// one and not in the L2 norm.
  double outlier_sum = std::numeric_limits<double>::infinity();

  friend void PrintTo(const Range& range, std::ostream* out) { *out << range.name; }
};

/// The first leaves them standard normal.
std::span<const Range> ranges();

/// Between them every row has some: whole tiles and tails, groups, sums of 60 to 784 products, one and
/// several chunks of channels.
std::vector<kernels::ConvProblem> range_problems();

/// Standard normal, f32, on the CPU.
Tensor normal_operand(const Shape& shape, Random& random);
/// The problem's operands, in its type.
GpuConvolution::Host filled(const kernels::ConvProblem& problem, const Range& range, Random& random);

}  // namespace upconv::test
