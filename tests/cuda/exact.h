#pragma once

#include <vector>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/convolution.h>

namespace upconv::test {

/// A convolution's outputs, and what their errors are measured by.
struct Exact {
  std::vector<double> y;          ///< sum x * w
  std::vector<double> magnitude;  ///< sum |x * w|
};

/// A convolution without bias in double. An ordinary one must be padded with zeros. Operands below `least`
/// count as `least` in the magnitude.
Exact exact_convolution(const kernels::ConvProblem& problem, const Tensor& x, const Tensor& weight,
                        double least = 0.0);

}  // namespace upconv::test
