#include "cuda/ranges.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <vector>

#include "cuda/exact.h"

#include <upconv/kernels/convolution.h>

// What each precision promises, for values of every size, and for values that are not finite. Every row of
// the table, against sums in double:
//   fp32       error at most 1.2 times that of ordinary multiply-adds (cuda.plain), in the L2 norm; and of
//              each output at most 2^-20 sum |x * w|.
//   f16, bf16  error at most 1.1 times that of rounding the exact result, and what fp32 sums lose.
//   tf32       of each output at most 2^-9 sum |x * w|; of normal values 3e-4 in the L2 norm.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::ConvRow;

/// What one output may be off. The exact one is rounded once to the type, after sums in fp32.
double tolerance_of(const ConvProblem& p, const Exact& exact, std::size_t i) {
  const double sums = p.precision == Precision::tf32 && p.dtype == DType::f32 ? 0x1p-9 : 0x1p-20;
  const double result = p.dtype == DType::f32 ? 0.0 : unit_of(p.dtype) * std::abs(exact.y[i]);
  // A thousand sums may each be off by half a subnormal number.
  return sums * exact.magnitude[i] + result + spacing_of(p.dtype) + 500 * spacing_of(DType::f32);
}

::testing::AssertionResult near_elementwise(const ConvProblem& p, const Tensor& actual, const Exact& exact) {
  const std::vector<double> a = to_doubles(actual);
  std::size_t wrong = 0, first = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(exact.y[i])) continue;
    if (std::abs(a[i] - exact.y[i]) <= tolerance_of(p, exact, i)) continue;
    if (wrong++ == 0) first = i;
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << wrong << " of " << a.size() << " outputs are too far off; the first, " << first << ", is "
         << a[first] << ", exact " << exact.y[first] << ", sum |x * w| " << exact.magnitude[first]
         << ", tolerance " << tolerance_of(p, exact, first);
}

/// sqrt of the sum of function(i)^2 over outputs that read no outlier.
template <class Function>
double norm(const Exact& exact, const Range& range, Function&& function) {
  double squares = 0.0;
  for (std::size_t i = 0; i < exact.y.size(); ++i) {
    if (exact.magnitude[i] > range.outlier_sum) continue;
    const double value = function(i);
    squares += value * value;
  }
  return std::sqrt(squares);
}

double error_norm(const Tensor& actual, const Exact& exact, const Range& range) {
  const std::vector<double> a = to_doubles(actual);
  return norm(exact, range, [&](std::size_t i) { return a[i] - exact.y[i]; });
}

/// The error of rounding the exact result to a 16-bit type.
double rounding_norm(DType dtype, const Exact& exact, const Range& range) {
  Tensor rounded = Tensor::empty({static_cast<std::int64_t>(exact.y.size())});
  std::ranges::transform(exact.y, rounded.data<float>().begin(),
                         [](double value) { return static_cast<float>(value); });
  return error_norm(rounded.to(dtype), exact, range);
}

class CudaRanges : public Gpu {
 protected:
  ExecutionContext context() { return ExecutionContext({.device = Device::cuda(0)}); }

  /// Calls visit(problem, row) for every type, precision and row that fits one of the problems: visit gets
  /// its operands from make(problem) once for each type.
  template <class Make, class Visit>
  void for_each_row(Make&& make, Visit&& visit) {
    ExecutionContext ctx = context();
    const std::vector<ConvProblem> problems = range_problems();
    for (std::size_t i = 0; i < problems.size(); i += every()) {
      for (const DType dtype : kComputeDTypes) {
        ConvProblem p = problems[i];
        p.dtype = dtype;
        const GpuConvolution::Host host = make(p);
        const GpuConvolution gpu(p, host);
        const Exact exact = exact_convolution(p, host.x, host.weight);
        for (const Precision precision : {Precision::fp32, Precision::tf32}) {
          if (precision == Precision::tf32 && dtype != DType::f32) continue;
          p.precision = precision;
          // A TF32 number has 2^-136 between its subnormals.
          const Exact bounds =
              precision == Precision::tf32 ? exact_convolution(p, host.x, host.weight, 0x1p-126) : Exact();
          for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
            if (!row.supports(p, ctx.caps()).supported) continue;
            SCOPED_TRACE(message(row.name, ' ', p.op(), ' ', p.to_string()));
            visit(p, row, precision == Precision::tf32 ? bounds : exact, gpu, ctx);
          }
        }
      }
    }
  }
};

class CudaRangesOf : public CudaRanges, public ::testing::WithParamInterface<Range> {};

TEST_P(CudaRangesOf, EveryRowKeepsWhatItsPrecisionPromises) {
  const Range& range = GetParam();
  Random random(11);
  std::map<std::string_view, double> worst;  // error in terms of what is compared with
  const ConvRow& plain = kernels::convolution_rows(Device::Type::cuda).back();
  for_each_row([&](const ConvProblem& p) { return filled(p, range, random); },
               [&](const ConvProblem& p, const ConvRow& row, const Exact& exact, const GpuConvolution& gpu,
                   ExecutionContext& ctx) {
                 const Tensor y = gpu.run(row, p, ctx);
                 EXPECT_TRUE(near_elementwise(p, y, exact));
                 const double error = error_norm(y, exact, range);
                 const double root = std::sqrt(static_cast<double>(y.numel()));
                 double limit = 0.0, unit = 0.0;
                 if (p.dtype != DType::f32) {
                   unit = rounding_norm(p.dtype, exact, range) +
                          0x1p-23 * norm(exact, range, [&](std::size_t i) { return exact.magnitude[i]; }) +
                          root * spacing_of(p.dtype) / 2;
                   limit = 1.1 * unit;
                 } else if (p.precision == Precision::fp32) {
                   unit = error_norm(gpu.run(plain, p, ctx), exact, range) + root * spacing_of(p.dtype) / 2;
                   limit = 1.2 * unit;
                 } else {
                   if (range.name != std::string_view("normal")) return;
                   unit = norm(exact, range, [&](std::size_t i) { return exact.y[i]; });
                   limit = 3.1e-4 * unit;  // 3.0e-4 over as many outputs as the flagship has
                 }
                 EXPECT_TRUE(error <= limit) << "L2 error " << error << ", limit " << limit;
                 worst[row.name] = std::max(worst[row.name], error / unit);
               });
  for (const auto& [row, ratio] : worst)
    std::cout << "  " << row << ' ' << range.name << ": error " << ratio << '\n';
}

INSTANTIATE_TEST_SUITE_P(, CudaRangesOf, ::testing::ValuesIn(ranges().begin(), ranges().end()),
                         [](const auto& instance) { return std::string(instance.param.name); });

/// The sums that all this is measured against, and the operands. Needs no GPU.
TEST(CudaRangesReference, AgreesWithTheCpusAndStaysWithinTheType) {
  ExecutionContext ctx({.kernels = {{"conv_transpose2d", "cpu.reference"}, {"conv2d", "cpu.reference"}}});
  Random random(14);
  for (const ConvProblem& p : range_problems()) {
    const GpuConvolution::Host host = filled(p, ranges().front(), random);
    const auto packed = kernels::pack_weight(p, host.weight, ctx.device());
    Tensor y = Tensor::empty(p.y_shape());
    kernels::convolution(
        p, {.x = host.x, .weight = host.weight, .packed_weight = &packed, .epilogue = {}, .y = y}, "", ctx);
    EXPECT_TRUE(near_elementwise(p, y, exact_convolution(p, host.x, host.weight))) << p.to_string();
  }
  ConvProblem p = range_problems()[1];
  for (const Range& range : ranges()) {
    for (const DType dtype : kComputeDTypes) {
      p.dtype = dtype;
      const GpuConvolution::Host host = filled(p, range, random);
      const double largest = dtype == DType::f16 ? 65504.0 : std::numeric_limits<float>::max();
      for (const double value : exact_convolution(p, host.x, host.weight).y)
        ASSERT_LT(std::abs(value), largest) << range.name << ' ' << dtype;
    }
  }
}

/// An infinity, with its sign, a NaN, or neither.
int kind_of(double value) {
  return std::isnan(value) ? 2 : std::isinf(value) ? (value > 0.0 ? 1 : -1) : 0;
}

/// An input that is not finite decides the outputs that read it, and no other.
TEST_F(CudaRanges, InputsThatAreNotFiniteDecideWhatReadsThem) {
  Random random(12);
  for_each_row(
      [&](const ConvProblem& p) {
        Tensor x = normal_operand(p.x_shape(), random), w = normal_operand(p.weight_shape(), random);
        const std::span<float> values = x.data<float>();
        const std::size_t plane = static_cast<std::size_t>(p.ih * p.iw), last = values.size() - 1;
        values[0] = INFINITY;
        values[plane * 3 / 2] = NAN;
        values[last - plane / 3] = -INFINITY;
        values[last] = NAN;
        return GpuConvolution::Host{.x = x.to(p.dtype), .weight = w.to(p.dtype)};
      },
      [](const ConvProblem& p, const ConvRow& row, const Exact& exact, const GpuConvolution& gpu,
         ExecutionContext& ctx) {
        const Tensor y = gpu.run(row, p, ctx);
        const std::vector<double> actual = to_doubles(y);
        std::size_t wrong = 0, finite = 0;
        for (std::size_t i = 0; i < actual.size(); ++i) {
          finite += std::isfinite(exact.y[i]);
          wrong += kind_of(actual[i]) != kind_of(exact.y[i]);
        }
        EXPECT_GT(finite, actual.size() / 10);
        EXPECT_EQ(wrong, 0u);
        EXPECT_TRUE(near_elementwise(p, y, exact));
      });
}

/// Sums beyond the type's range become infinite, with their sign.
TEST_F(CudaRanges, SumsBeyondTheTypeAreInfinite) {
  Random random(13);
  for_each_row(
      [&](const ConvProblem& p) {
        Tensor x = absolute(normal_operand(p.x_shape(), random)),
               w = absolute(normal_operand(p.weight_shape(), random));
        const float size = p.dtype == DType::f16 ? 100.0f : 1e19f;
        for (float& value : x.data<float>())
          value = (0.5f + value) * size;
        const auto weights = w.data<float>();
        const Filling index{p, {}, random, {}, {}};
        for (std::size_t i = 0; i < weights.size(); ++i)
          weights[i] = (0.5f + weights[i]) * (index.output_channel(i) % 2 == 0 ? size : -size);
        return GpuConvolution::Host{.x = x.to(p.dtype), .weight = w.to(p.dtype)};
      },
      [](const ConvProblem& p, const ConvRow& row, const Exact& exact, const GpuConvolution& gpu,
         ExecutionContext& ctx) {
        const double largest = p.dtype == DType::f16 ? 65504.0 : std::numeric_limits<float>::max();
        const std::vector<double> actual = to_doubles(gpu.run(row, p, ctx));
        std::size_t wrong = 0, beyond = 0;
        for (std::size_t i = 0; i < actual.size(); ++i) {
          if (std::abs(exact.y[i]) < 1.01 * largest) continue;
          ++beyond;
          wrong += actual[i] != std::copysign(INFINITY, exact.y[i]);
        }
        EXPECT_GT(beyond, actual.size() / 2);
        EXPECT_EQ(wrong, 0u);
      });
}

}  // namespace
}  // namespace upconv::test
