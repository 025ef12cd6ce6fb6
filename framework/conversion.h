#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/tensor.h>

namespace upconv {

/// What a conversion of floating-point values lost beyond rounding.
struct ConversionLoss {
  std::int64_t overflowed = 0;  ///< Finite values that became infinite.
  std::int64_t vanished = 0;    ///< Values other than zero that became zero.
  std::int64_t first = 0;       ///< Position of the first that overflowed.
  double value = 0.0;           ///< The value that it had.
};

/// Compares CPU tensors of one shape and floating-point types.
ConversionLoss conversion_loss(const Tensor& from, const Tensor& to);

/// "2 of 9 values are beyond the range of f16, up to 65504, the first is 1e+05 at [0,1]".
std::string overflow_text(const ConversionLoss& loss, const TensorSpec& to);

}  // namespace upconv
