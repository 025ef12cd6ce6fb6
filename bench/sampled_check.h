#pragma once

#include <cstdint>

#include <upconv/kernels/convolution.h>

/// Operands for a benchmark, and a check of its results that does not cost more than the benchmark.
namespace upconv::bench {

/// Standard normal, rounded to the type; a million random numbers, repeated with a prime period.
Tensor random_normal(const Shape& shape, DType dtype, std::uint32_t seed);

/// Throws Error, naming what is wrong, unless every element of y is a number and random ones are what the
/// definition gives in double, within what the problem's type and precision may err. Tensors on the CPU;
/// without bias.
void check_outputs(const kernels::ConvProblem& problem, const Tensor& x, const Tensor& weight,
                   const Tensor& y);

}  // namespace upconv::bench
