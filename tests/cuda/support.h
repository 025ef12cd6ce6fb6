#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/problems.h"
#include <gtest/gtest.h>

#include <upconv/upconv.h>

namespace upconv::test {

/// Skips, visibly, where no GPU is.
class Gpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device here";
  }
};

inline constexpr DType kComputeDTypes[] = {DType::f32, DType::f16, DType::bf16};

using Random = std::mt19937;

/// A GPU that need not be here, whose blocks have so many KB of shared memory.
DeviceCaps gpu_of(int compute_capability, std::size_t shared_kilobytes = 99);

/// The name of the row that would run.
std::string_view selected(std::string_view problem, const DeviceCaps& caps);

/// Whether this build holds the code of a family of rows, "direct_mma" or "direct_wgmma".
bool is_built(std::string_view family);

/// The kernel tests' problems, and more that are matrix products.
std::vector<kernels::ConvProblem> gpu_problems();
/// Loops over problems take every n-th of them: UPCONV_TEST_EVERY in the environment, for runs under a slow
/// tool.
std::size_t every();

/// Powers of two below one: slopes whose products are exact.
Tensor random_slopes(std::int64_t count, DType dtype, Random& random);
/// The absolute values.
Tensor absolute(const Tensor& x);
/// A GPU tensor between guard bands, `offset` elements past an aligned address; it and the bands start as
/// NaN.
class GuardedGpuTensor {
 public:
  GuardedGpuTensor(const Shape& shape, DType dtype, int offset);
  /// With the values of a CPU tensor.
  GuardedGpuTensor(const Tensor& values, int offset);

  TensorView view() const;
  /// The values, on the CPU. Reports a failure if a guard band was written to.
  Tensor values() const;

 private:
  Tensor memory_;  // i64, all bits set: NaN in every float type
  TensorSpec spec_;
  std::size_t begin_ = 0;  // bytes
};

/// The operands of a convolution on cuda:0, packed, each `offset` elements past an aligned address and
/// between guard bands. `bias` and `slopes` may be not defined.
class GpuConvolution {
 public:
  struct Host {
    Tensor x, weight, bias = {}, slopes = {};
    kernels::Activation activation = {};  ///< But for the slopes.
  };
  GpuConvolution(const kernels::ConvProblem& problem, const Host& host, int offset = 0);

  const kernels::ConvProblem& problem() const { return problem_; }
  /// What the row makes of them, on the CPU.
  Tensor run(const kernels::ConvRow& row, ExecutionContext& ctx) const { return run(row, problem_, ctx); }
  /// The same for a problem that differs in its precision.
  Tensor run(const kernels::ConvRow& row, const kernels::ConvProblem& problem, ExecutionContext& ctx) const;

 private:
  kernels::ConvProblem problem_;
  int offset_;
  kernels::PackedWeight packed_;
  GuardedGpuTensor x_, weight_;
  std::optional<GuardedGpuTensor> bias_, slopes_;
  kernels::Activation activation_;
};

/// Half an ulp of the type, relative.
double unit_of(DType dtype);
/// The spacing of its subnormals.
double spacing_of(DType dtype);
/// True if both CPU tensors hold the same bits.
bool same_bits(const Tensor& a, const Tensor& b);
/// Compares bit for bit (0 and -0 are one, and so are NaNs).
::testing::AssertionResult exactly_equal(const Tensor& actual, const Tensor& expected);
/// |actual - expected| <= factor * bound + the rounding of the result's type, element by element; `bound` is
/// the sum of the products' absolute values. Roundings of the type may occur `roundings` times.
::testing::AssertionResult nearly_equal(const Tensor& actual, const Tensor& expected, const Tensor& bound,
                                        double factor, int roundings = 1);

}  // namespace upconv::test
