#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/convolution.h>

/// Problems, operands and comparisons that the kernel tests share.
namespace upconv::test {

/// Problems chosen by hand: each class of problem that a kernel could get wrong.
std::vector<kernels::ConvProblem> corner_problems();
/// Seeded random problems of both kinds, small enough for the reference.
std::vector<kernels::ConvProblem> random_problems(std::uint32_t seed, int count);

/// How operands are filled.
enum class Values {
  exact,   ///< k/16 with |k| <= 32: every sum of products is exact in f32.
  normal,  ///< Standard normal, rounded to the type.
};

Tensor random_tensor(const Shape& shape, DType dtype, Values values, std::mt19937& random);

/// The operands of a convolution, with the memory they live in.
struct ConvCase {
  ConvCase(const kernels::ConvProblem& problem, Values values, std::uint32_t seed, bool bias = true,
           kernels::ActivationKind activation = kernels::ActivationKind::none);

  kernels::ConvProblem problem;
  Tensor x, weight, bias, slopes;
  kernels::PackedWeight packed;
  kernels::Activation activation;

  kernels::ConvOperands operands(TensorView y) const;
  /// Runs the row of this name into a NaN-filled tensor between guard bands, which must stay whole.
  Tensor run(std::string_view row, ExecutionContext& ctx) const;
};

/// A tensor of NaN with a guard band before and behind it.
class GuardedTensor {
 public:
  GuardedTensor(const Shape& shape, DType dtype);
  TensorView view() { return view_; }
  bool guards_intact() const;

 private:
  std::vector<std::uint16_t> memory_;
  TensorView view_;
};

/// The elements as double.
std::vector<double> to_doubles(const ConstTensorView& tensor);
bool bit_equal(const ConstTensorView& a, const ConstTensorView& b);

/// sum |x * w| + |bias| of every output: what an error is measured against.
std::vector<double> magnitudes(const ConvCase& c);

}  // namespace upconv::test
