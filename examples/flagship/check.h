#pragma once

#include <cstddef>
#include <string>

#include "common/command_line.h"
#include "flagship/layer.h"

namespace flagship {

/// How a sample of outputs compares with the same sums in double. An error is the Euclidean distance to them,
/// relative to their length.
struct Check {
  std::size_t outputs = 0;  ///< In the sample.
  std::size_t wrong = 0;    ///< Of these, further off than any rounding can explain, or not finite.
  double error = 0;
  double peer_error = 0;  ///< The same outputs by the plain arithmetic that the precision is held against.
  std::string peer;       ///< What that is, in words that `peer_error` completes.
  double allowed = 0;     ///< How large `error` may be.

  bool passed() const { return wrong == 0 && error <= allowed; }  // a NaN does not pass
};

/// Computes about `count` pseudo-random outputs, and the corners of every output plane, from the definition.
/// `x`, `weight` and `y` are the layer's operands on the CPU, their values converted to f32.
/// Peers: for fp32 a loop of fp32 multiply-adds (at most 1.2 times its error); for tf32 operands rounded to
/// TF32 (1.1); for 16-bit tensors the exact result, rounded (1.1).
Check check_sample(upconv::ConstTensorView x, upconv::ConstTensorView weight, upconv::ConstTensorView y,
                   examples::Numbers numbers, std::size_t count);

}  // namespace flagship
