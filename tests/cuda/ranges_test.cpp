#include <algorithm>
#include <atomic>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/support.h"

#include <upconv/kernels/convolution.h>

// What each precision promises, for values of every size, and for values that are not finite. Every row of
// the table, against sums in double:
//   fp32       error at most 1.2 times that of ordinary multiply-adds (cuda.plain), in the L2 norm; and of
//   each
//              output at most 2^-20 sum |x * w|.
//   f16, bf16  error at most 1.1 times that of rounding the exact result, and what fp32 sums lose.
//   tf32       of each output at most 2^-9 sum |x * w|; of normal values 3e-4 in the L2 norm.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::ConvRow;

// --- the exact result

/// For every tap the pairs (input, output) of positions that it connects.
using Pairs = std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>>;

Pairs pairs_of(bool transposed, std::int64_t in, std::int64_t out, std::int64_t taps, std::int64_t stride,
               std::int64_t pad, std::int64_t dilation) {
  Pairs pairs(static_cast<std::size_t>(taps));
  for (std::int64_t k = 0; k < taps; ++k) {
    for (std::int64_t from = 0; from < (transposed ? in : out); ++from) {
      const std::int64_t to = from * stride - pad + k * dilation;
      if (to < 0 || to >= (transposed ? out : in)) continue;
      pairs[static_cast<std::size_t>(k)].emplace_back(transposed ? from : to, transposed ? to : from);
    }
  }
  return pairs;
}

struct Exact {
  std::vector<double> y;          ///< sum x * w
  std::vector<double> magnitude;  ///< sum |x * w|
  std::vector<double> squares;    ///< sum (x * w)^2
};

/// A convolution without bias in double. An ordinary one must be padded with zeros. Operands below `least`
/// count as `least` in the magnitude.
Exact exact_convolution(const ConvProblem& p, const Tensor& x_tensor, const Tensor& w_tensor,
                        double least = 0.0) {
  const std::vector<double> x = to_doubles(x_tensor), w = to_doubles(w_tensor);
  const auto count = static_cast<std::size_t>(p.y_shape().numel());
  Exact result{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count)};
  const Pairs rows = pairs_of(p.transposed, p.ih, p.oh(), p.kh, p.stride_h, p.pad_h, p.dilation_h);
  const Pairs columns = pairs_of(p.transposed, p.iw, p.ow(), p.kw, p.stride_w, p.pad_w, p.dilation_w);
  const std::int64_t ci_group = p.ci_per_group(), co_group = p.co_per_group();

  const auto fill_plane = [&](std::int64_t plane) {  // of image n and output channel co
    const std::int64_t n = plane / p.co, co = plane % p.co;
    double* y = &result.y[static_cast<std::size_t>(plane * p.oh() * p.ow())];
    double* squares = &result.squares[static_cast<std::size_t>(plane * p.oh() * p.ow())];
    double* magnitude = &result.magnitude[static_cast<std::size_t>(plane * p.oh() * p.ow())];
    for (std::int64_t c = 0; c < ci_group; ++c) {
      const std::int64_t ci = co / co_group * ci_group + c;
      const std::int64_t kernel = p.transposed ? ci * co_group + co % co_group : co * ci_group + c;
      for (std::int64_t tap = 0; tap < p.kh * p.kw; ++tap) {
        const double weight = w[static_cast<std::size_t>(kernel * p.kh * p.kw + tap)];
        const double size = std::max(std::abs(weight), least);
        for (const auto& [ih, oh] : rows[static_cast<std::size_t>(tap / p.kw)]) {
          const double* in = &x[static_cast<std::size_t>(((n * p.ci + ci) * p.ih + ih) * p.iw)];
          for (const auto& [iw, ow] : columns[static_cast<std::size_t>(tap % p.kw)]) {
            y[oh * p.ow() + ow] += in[iw] * weight;
            squares[oh * p.ow() + ow] += std::pow(in[iw] * weight, 2);
            magnitude[oh * p.ow() + ow] += std::max(std::abs(in[iw]), least) * size;
          }
        }
      }
    }
  };
  std::atomic<std::int64_t> next = 0;
  std::vector<std::thread> threads(std::clamp(std::thread::hardware_concurrency(), 1u, 16u));
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      for (std::int64_t plane = next++; plane < p.n * p.co; plane = next++)
        fill_plane(plane);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  return result;
}

// --- operands

/// How far a type reaches without its results overflowing.
struct Reach {
  float large, small, denormal;
  float least_exponent, most_exponent;  ///< Of ten, for values of all sizes.
  int binary_exponent;                  ///< What channels may be scaled by.
  float offset, outlier, extreme, beside_outlier;
};

Reach reach_of(DType dtype) {
  if (dtype == DType::f16) {
    return {.large = 16.0f,
            .small = 1e-4f,
            .denormal = 2e-6f,
            .least_exponent = -4.0f,
            .most_exponent = 1.5f,
            .binary_exponent = 8,
            .offset = 100.0f,
            .outlier = 1e3f,
            .extreme = 1e4f,
            .beside_outlier = 1e-3f};
  }
  return {.large = 1e6f,
          .small = 1e-6f,
          .denormal = 1e-39f,
          .least_exponent = -6.0f,
          .most_exponent = 6.0f,
          .binary_exponent = 30,
          .offset = 1000.0f,
          .outlier = 1e6f,
          .extreme = 1e30f,
          .beside_outlier = 1e-6f};
}

struct Filling {
  const ConvProblem& p;
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

void scale(std::span<float> values, float factor) {
  for (float& value : values)
    value *= factor;
}

struct Range {
  const char* name;
  void (*fill)(Filling& f);
  /// Outputs with a greater sum |x * w| read an outlier, and one product is all of them: they count one by
  /// one and not in the L2 norm.
  double outlier_sum = std::numeric_limits<double>::infinity();

  friend void PrintTo(const Range& range, std::ostream* out) { *out << range.name; }
};

constexpr Range kRanges[] = {
    {"normal", [](Filling&) {}},
    {"large_x", [](Filling& f) { scale(f.x, f.reach.large); }},
    {"large_weight", [](Filling& f) { scale(f.w, f.reach.large); }},
    {"large_both", [](Filling& f) { scale(f.x, f.reach.large), scale(f.w, f.reach.large); }},
    {"small_x", [](Filling& f) { scale(f.x, f.reach.small); }},
    {"small_weight", [](Filling& f) { scale(f.w, f.reach.small); }},
    {"small_both", [](Filling& f) { scale(f.x, f.reach.small), scale(f.w, f.reach.small); }},
    {"denormal_x", [](Filling& f) { scale(f.x, f.reach.denormal); }},
    {"denormal_weight", [](Filling& f) { scale(f.w, f.reach.denormal); }},
    {"denormal_both", [](Filling& f) { scale(f.x, f.reach.denormal), scale(f.w, f.reach.denormal); }},
    {"mixed_x",
     [](Filling& f) {
       for (float& value : f.x)
         value *= f.power_of_ten();
     }},
    {"mixed_weight",
     [](Filling& f) {
       for (float& value : f.w)
         value *= f.power_of_ten();
     }},
    {"mixed_both",
     [](Filling& f) {
       for (float& value : f.x)
         value *= f.power_of_ten();
       for (float& value : f.w)
         value *= f.power_of_ten();
     }},
    {"channels_that_compensate",  // x is large where the weight is small
     [](Filling& f) {
       const std::vector<int> exponents = f.random_exponents(f.p.ci);
       const auto pixels = static_cast<std::size_t>(f.p.ih * f.p.iw);
       for (std::size_t i = 0; i < f.x.size(); ++i)
         f.x[i] = std::ldexp(f.x[i], exponents[i / pixels % exponents.size()]);
       for (std::size_t i = 0; i < f.w.size(); ++i)
         f.w[i] = std::ldexp(f.w[i], -exponents[f.input_channel(i)]);
     }},
    {"output_channels_of_all_sizes",
     [](Filling& f) {
       const std::vector<int> exponents = f.random_exponents(f.p.co);
       for (std::size_t i = 0; i < f.w.size(); ++i)
         f.w[i] = std::ldexp(f.w[i], exponents[f.output_channel(i)]);
     }},
    {"pairs_that_cancel",  // of channels, but for a thousandth
     [](Filling& f) {
       const auto pixels = static_cast<std::size_t>(f.p.ih * f.p.iw);
       const auto channels = static_cast<std::size_t>(f.p.ci);
       for (std::size_t i = pixels; i < f.x.size(); ++i) {
         if (i / pixels % channels % 2 == 1) f.x[i] = f.x[i - pixels] + 1e-3f * f.x[i];
       }
       const auto step =
           static_cast<std::size_t>(f.p.kh * f.p.kw * (f.p.transposed ? f.p.co_per_group() : 1));
       for (std::size_t i = step; i < f.w.size(); ++i) {
         if (f.input_channel(i) % 2 == 1) f.w[i] = -f.w[i - step] + 1e-3f * f.w[i];
       }
     }},
    {"large_constant",
     [](Filling& f) {
       for (float& value : f.x)
         value += f.reach.offset;
     }},
    {"sparse",
     [](Filling& f) {
       for (float& value : f.x)
         value = f.random() % 10 == 0 ? value : 0.0f;
       for (float& value : f.w)
         value = f.random() % 2 == 0 ? value : 0.0f;
     }},
    {"outlier_in_x",
     [](Filling& f) {
       scale(f.x, f.reach.beside_outlier);
       f.x[f.x.size() / 2 + 5] = f.reach.outlier;
     },
     10.0},
    {"extreme_outlier_in_x",
     [](Filling& f) {
       scale(f.x, f.reach.beside_outlier);
       f.x[f.x.size() / 2 + 5] = -f.reach.extreme;
     },
     10.0},
    {"outlier_in_weight",
     [](Filling& f) {
       scale(f.w, f.reach.beside_outlier);
       f.w[f.w.size() / 2 + 3] = f.reach.outlier;
     },
     10.0},
};

// Between them every row has some: whole tiles and tails, groups, sums of 64 to 784 products.
std::vector<ConvProblem> range_problems() {
  std::vector<ConvProblem> problems;
  for (const char* text : {"n1ci32ih6iw136co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                           "n2ci20ih9iw72co12kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
                           "n1ci64ih8iw64co24kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
                           "n1ci16ih5iw140co16kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
                           "n1ci24ih4iw244co16kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
                           "n1ci20ih4iw128co32kh1kw3_s1x1_p0x1_zeros_d1x1_g1_f32",
                           "n1ci24ih12iw37co16kh5kw5_s1x1_p2x2_op0x0_d1x1_g2_f32",
                           "n1ci16ih11iw40co16kh7kw7_s1x1_p3x3_op0x0_d1x1_g1_f32",
                           "n1ci18ih9iw36co9kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32"}) {
    problems.push_back(ConvProblem::parse(text));
  }
  return problems;
}

Tensor operand(const Shape& shape, Random& random) {
  return random_tensor(shape, DType::f32, Values::normal, random);
}

GpuConvolution::Host filled(const ConvProblem& p, const Range& range, Random& random) {
  Tensor x = operand(p.x_shape(), random), w = operand(p.weight_shape(), random);
  Filling filling{p, reach_of(p.dtype), random, x.data<float>(), w.data<float>()};
  range.fill(filling);
  return {.x = x.to(p.dtype), .weight = w.to(p.dtype)};
}

// --- comparison

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
                   // Where few products matter a plain loop hardly errs. There a product may, whose operands,
                   // as pairs, are each off by up to an ulp, independently of one another.
                   constexpr double kOfProduct = std::numbers::sqrt2 * 0x1p-23;
                   limit = std::max(1.2 * unit, kOfProduct * norm(exact, range, [&](std::size_t i) {
                                                  return std::sqrt(exact.squares[i]);
                                                }));
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

INSTANTIATE_TEST_SUITE_P(, CudaRangesOf, ::testing::ValuesIn(kRanges),
                         [](const auto& instance) { return std::string(instance.param.name); });

/// The sums that all this is measured against, and the operands. Needs no GPU.
TEST(CudaRangesReference, AgreesWithTheCpusAndStaysWithinTheType) {
  ExecutionContext ctx({.kernels = {{"conv_transpose2d", "cpu.reference"}, {"conv2d", "cpu.reference"}}});
  Random random(14);
  for (const ConvProblem& p : range_problems()) {
    const GpuConvolution::Host host = filled(p, kRanges[0], random);
    Tensor y = Tensor::empty(p.y_shape());
    kernels::convolution(
        p, {.x = host.x, .weight = host.weight, .packed_weight = {}, .bias = {}, .activation = {}, .y = y},
        "", ctx);
    EXPECT_TRUE(near_elementwise(p, y, exact_convolution(p, host.x, host.weight))) << p.to_string();
  }
  ConvProblem p = range_problems()[1];
  for (const Range& range : kRanges) {
    for (const DType dtype : kComputeDTypes) {
      p.dtype = dtype;
      const GpuConvolution::Host host = filled(p, range, random);
      const double largest = dtype == DType::f16 ? 65504.0 : std::numeric_limits<float>::max();
      for (const double value : exact_convolution(p, host.x, host.weight).y)
        ASSERT_LT(std::abs(value), largest) << range.name << ' ' << dtype;
    }
  }
}

/// An input that is not finite spoils the outputs that read it, and no other.
TEST_F(CudaRanges, InputsThatAreNotFiniteSpoilWhatReadsThem) {
  Random random(12);
  for_each_row(
      [&](const ConvProblem& p) {
        Tensor x = operand(p.x_shape(), random), w = operand(p.weight_shape(), random);
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
          wrong += std::isfinite(actual[i]) != std::isfinite(exact.y[i]);
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
        Tensor x = absolute(operand(p.x_shape(), random)), w = absolute(operand(p.weight_shape(), random));
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
