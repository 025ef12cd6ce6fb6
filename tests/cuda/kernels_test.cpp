#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/channel_affine.h>
#include <upconv/kernels/linear.h>

// Every row of the CUDA tables, over problems and element types, against the CPU's double reference.

namespace upconv::test {
namespace {

using kernels::Activation;
using kernels::ActivationKind;
using kernels::ConvOperands;
using kernels::ConvProblem;

class CudaKernels : public Gpu {
 protected:
  Random random_{7};

  int offset() { return std::uniform_int_distribution<int>(0, 7)(random_); }
  bool flip() { return std::uniform_int_distribution<int>(0, 1)(random_) == 1; }
};

template <class Row>
const Row& reference_row(std::span<const Row> rows) {
  return *std::ranges::find(rows, "cpu.reference", &Row::name);
}

struct CpuCase {
  Tensor x, weight, bias, slopes;
  Activation activation;

  ConvOperands operands(TensorView y) const {
    ConvOperands result{
        .x = x, .weight = weight, .packed_weight = {}, .bias = {}, .activation = activation, .y = y};
    if (bias.defined()) result.bias = bias;
    if (slopes.defined()) result.activation.slopes = slopes;
    return result;
  }
};

Tensor reference(const ConvProblem& problem, const CpuCase& data) {
  ExecutionContext ctx({.num_threads = 1});
  Tensor y = Tensor::empty(problem.y_shape(), problem.dtype);
  if (y.numel() > 0) {
    reference_row(kernels::convolution_rows(Device::Type::cpu)).launch(problem, data.operands(y), ctx);
  }
  return y;
}

/// Sum of |x * w| and |bias| for every output.
Tensor sum_of_magnitudes(const ConvProblem& problem, const CpuCase& data) {
  const CpuCase positive{.x = absolute(data.x),
                         .weight = absolute(data.weight),
                         .bias = data.bias.defined() ? absolute(data.bias) : Tensor(),
                         .slopes = {},
                         .activation = {}};
  return reference(problem, positive);
}

/// What can compute the problem, in every precision of its type. A 16-bit type has one.
std::vector<std::pair<Precision, const kernels::ConvRow*>> choices(ConvProblem problem,
                                                                   const DeviceCaps& caps) {
  std::vector<std::pair<Precision, const kernels::ConvRow*>> result;
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    if (precision == Precision::tf32 && problem.dtype != DType::f32) continue;
    problem.precision = precision;
    for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
      if (row.supports(problem, caps).supported) result.emplace_back(precision, &row);
    }
  }
  return result;
}

TEST_F(CudaKernels, ConvolutionRowsMatchTheReference) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  const std::vector<ConvProblem> problems = gpu_problems();
  ASSERT_GE(problems.size(), 200u);
  struct Case {
    ConvProblem problem;
    Values values;
    ActivationKind kind;
    CpuCase data;
    Tensor expected, bound;
  };
  std::vector<Case> cases;
  for (std::size_t i = 0; i < problems.size(); i += every()) {
    for (const DType dtype : kComputeDTypes) {
      ConvProblem problem = problems[i];
      problem.dtype = dtype;
      const Values values = (i + static_cast<std::size_t>(dtype)) % 2 == 0 ? Values::exact : Values::normal;
      const auto kind = static_cast<ActivationKind>((i / 2) % (values == Values::exact ? 4 : 6));
      CpuCase data{.x = random_tensor(problem.x_shape(), dtype, values, random_),
                   .weight = random_tensor(problem.weight_shape(), dtype, values, random_),
                   .bias = flip() ? random_tensor({problem.co}, dtype, values, random_) : Tensor(),
                   .slopes = {},
                   .activation = {.kind = kind, .negative_slope = 0.125f}};
      if (kind == ActivationKind::prelu) data.slopes = random_slopes(flip() ? 1 : problem.co, dtype, random_);
      cases.push_back({problem, values, kind, std::move(data), {}, {}});
    }
  }
  // The references take most of the time: one thread a case.
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads(std::max(1u, std::thread::hardware_concurrency()));
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      for (std::size_t i = next++; i < cases.size(); i = next++) {
        cases[i].expected = reference(cases[i].problem, cases[i].data);
        cases[i].bound = sum_of_magnitudes(cases[i].problem, cases[i].data);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();

  std::map<std::string_view, int> runs;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto& [problem, values, kind, data, expected, bound] = cases[i];
    const DType dtype = problem.dtype;
    const auto packed = kernels::pack_weight(problem, data.weight, ctx.device());
    const GuardedGpuTensor x(data.x, offset()), weight(data.weight, offset());
    const GuardedGpuTensor bias(data.bias.defined() ? data.bias : data.x, offset());
    const GuardedGpuTensor slopes(data.slopes.defined() ? data.slopes : data.x, offset());
    for (const auto& [precision, row] : choices(problem, ctx.caps())) {
      if (problem.n == 0) continue;
      problem.precision = precision;
      SCOPED_TRACE(message(row->name, ' ', problem.op(), ' ', problem.to_string(), ' ', name_of(kind),
                           data.bias.defined() ? " bias" : "",
                           values == Values::exact ? " exact" : " normal"));
      ++runs[row->name];
      const double factor = precision == Precision::tf32 ? 0x1p-9 : 0x1p-21;
      const int roundings = dtype == DType::f32 ? 2 : 1;  // 16 bits are rounded after bias and activation
      Tensor first;
      for (int repeat = 0; repeat < 2; ++repeat) {
        const GuardedGpuTensor y(problem.y_shape(), dtype, static_cast<int>(i % 8));
        ConvOperands operands{.x = x.view(),
                              .weight = weight.view(),
                              .packed_weight = &packed,
                              .bias = {},
                              .activation = data.activation,
                              .y = y.view()};
        if (data.bias.defined()) operands.bias = bias.view();
        if (data.slopes.defined()) operands.activation.slopes = slopes.view();
        row->launch(problem, operands, ctx);
        Tensor actual = y.values();
        if (repeat == 0) {
          if (values == Values::exact) {
            ASSERT_TRUE(exactly_equal(actual, expected));
          } else {
            ASSERT_TRUE(nearly_equal(actual, expected, bound, factor, roundings));
          }
          first = std::move(actual);
        } else {
          ASSERT_TRUE(same_bits(actual, first)) << "a second run gave other bits";
        }
      }
    }
  }
  for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
    EXPECT_GT(runs[row.name], 0) << row.name << " ran on no problem";
    std::cout << row.name << ": " << runs[row.name] << " cases\n";
  }
}

TEST_F(CudaKernels, ConvolutionInTf32IsAskedFor) {
  ExecutionContext ctx({.device = Device::cuda(0), .precision = Precision::tf32});
  ConvProblem problem = ConvProblem::parse("n2ci64ih16iw16co64kh1kw1_s1x1_p0x0_zeros_d1x1_g1_tf32");
  const CpuCase data{.x = random_tensor(problem.x_shape(), DType::f32, Values::normal, random_),
                     .weight = random_tensor(problem.weight_shape(), DType::f32, Values::normal, random_),
                     .bias = {},
                     .slopes = {},
                     .activation = {}};
  const Tensor expected = reference(problem, data), bound = sum_of_magnitudes(problem, data);
  const GuardedGpuTensor x(data.x, 0), weight(data.weight, 0);
  const auto packed = kernels::pack_weight(problem, data.weight, ctx.device());
  for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
    for (const Precision precision : {Precision::fp32, Precision::tf32}) {
      SCOPED_TRACE(message(row.name, ' ', name_of(precision)));
      problem.precision = precision;
      if (!row.supports(problem, ctx.caps()).supported) continue;
      const GuardedGpuTensor y(problem.y_shape(), DType::f32, 0);
      row.launch(problem,
                 {.x = x.view(),
                  .weight = weight.view(),
                  .packed_weight = &packed,
                  .bias = {},
                  .activation = {},
                  .y = y.view()},
                 ctx);
      EXPECT_TRUE(nearly_equal(y.values(), expected, bound, precision == Precision::fp32 ? 0x1p-21 : 0x1p-9));
    }
  }
}

/// Where padding meets a weight that is not finite nothing may be multiplied, as in PyTorch's transposed
/// layer.
TEST_F(CudaKernels, ValuesThatAreNotFiniteStayWhereTheyBelong) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  for (const char* text : {"n1ci2ih5iw6co9kh3kw3_s2x1_p1x1_op1x0_d1x1_g1_f32",
                           "n1ci2ih5iw6co9kh3kw3_s1x2_p1x1_zeros_d1x1_g1_f32"}) {
    const ConvProblem problem = ConvProblem::parse(text);
    CpuCase data{.x = random_tensor(problem.x_shape(), DType::f32, Values::exact, random_),
                 .weight = random_tensor(problem.weight_shape(), DType::f32, Values::exact, random_),
                 .bias = {},
                 .slopes = {},
                 .activation = {}};
    data.weight.data<float>()[4] = INFINITY;
    data.x.data<float>()[7] = NAN;
    data.x.data<float>()[0] = -INFINITY;
    const Tensor expected = reference(problem, data);
    const GuardedGpuTensor x(data.x, 0), weight(data.weight, 0), y(problem.y_shape(), DType::f32, 1);
    const auto rows = kernels::convolution_rows(Device::Type::cuda);
    rows.back().launch(problem,
                       {.x = x.view(),
                        .weight = weight.view(),
                        .packed_weight = {},
                        .bias = {},
                        .activation = {},
                        .y = y.view()},
                       ctx);
    EXPECT_TRUE(exactly_equal(y.values(), expected)) << text;
  }
}

TEST_F(CudaKernels, LinearRowsMatchTheReference) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  std::vector<kernels::LinearProblem> problems = {{.rows = 1, .in_features = 1, .out_features = 1},
                                                  {.rows = 1, .in_features = 100, .out_features = 512},
                                                  {.rows = 64, .in_features = 128, .out_features = 256},
                                                  {.rows = 7, .in_features = 13, .out_features = 5},
                                                  {.rows = 1000, .in_features = 3, .out_features = 1},
                                                  {.rows = 2, .in_features = 5000, .out_features = 17}};
  std::uniform_int_distribution<std::int64_t> size(1, 150);
  while (problems.size() < 40)
    problems.push_back({.rows = size(random_), .in_features = size(random_), .out_features = size(random_)});
  for (std::size_t i = 0; i < problems.size(); i += every()) {
    for (const DType dtype : kComputeDTypes) {
      for (const Values values : {Values::exact, Values::normal}) {
        kernels::LinearProblem p = problems[i];
        p.dtype = dtype;
        const Tensor host_x = random_tensor({p.rows, p.in_features}, dtype, values, random_);
        const Tensor host_w = random_tensor({p.out_features, p.in_features}, dtype, values, random_);
        const Tensor host_b = random_tensor({p.out_features}, dtype, values, random_);
        const bool has_bias = flip();
        // A linear layer is a convolution of one-pixel images, which the convolution's reference computes.
        const ConvProblem pixels{.n = p.rows, .ci = p.in_features, .co = p.out_features, .dtype = dtype};
        const CpuCase data{.x = host_x.clone().reshape(pixels.x_shape()),
                           .weight = host_w.clone().reshape(pixels.weight_shape()),
                           .bias = has_bias ? host_b.clone() : Tensor(),
                           .slopes = {},
                           .activation = {}};
        const Tensor expected = reference(pixels, data), bound = sum_of_magnitudes(pixels, data);
        const GuardedGpuTensor x(host_x, i % 3 == 0 ? 0 : offset()), w(host_w, i % 3 == 0 ? 0 : offset()),
            b(host_b, 0);
        for (const auto& row : kernels::linear_rows(Device::Type::cuda)) {
          SCOPED_TRACE(message(row.name, ' ', p.to_string(), has_bias ? " bias" : ""));
          ASSERT_TRUE(row.supports(p, ctx.caps()).supported);
          Tensor first;
          for (int repeat = 0; repeat < 2; ++repeat) {
            const GuardedGpuTensor y({p.rows, p.out_features}, dtype,
                                     i % 3 == 0 ? 0 : static_cast<int>(i % 8));
            row.launch(p,
                       {.x = x.view(),
                        .weight = w.view(),
                        .bias = has_bias ? b.view() : TensorView(),
                        .y = y.view()},
                       ctx);
            Tensor actual = y.values();
            if (repeat == 1) {
              ASSERT_TRUE(same_bits(actual, first));
            } else if (values == Values::exact) {
              ASSERT_TRUE(exactly_equal(actual, expected));
            } else {
              ASSERT_TRUE(nearly_equal(actual, expected, bound, 0x1p-21));
            }
            first = std::move(actual);
          }
        }
      }
    }
  }
}

TEST_F(CudaKernels, ElementwiseRowsMatchTheCpu) {
  ExecutionContext cpu, ctx({.device = Device::cuda(0)});
  const Shape shapes[] = {{1, 1, 1},    {1, 1, 7},    {2, 3, 16}, {2, 3, 5},     {3, 40, 33},
                          {1, 7, 4096}, {5, 1, 1000}, {4, 64, 1}, {1, 3, 200001}};
  for (const Shape& shape : shapes) {
    for (const DType dtype : kComputeDTypes) {
      for (const int shift : {0, 1, 4}) {
        const Tensor host_x = random_tensor(shape, dtype, Values::normal, random_);
        for (int k = 0; k < 7; ++k) {
          const auto kind = static_cast<ActivationKind>(std::min(k, 5));
          const std::int64_t slope_count = k == 3 || k != 6 ? shape[1] : 1;
          const kernels::ActivationProblem p{.kind = k == 6 ? ActivationKind::prelu : kind,
                                             .outer = shape[0],
                                             .channels = shape[1],
                                             .inner = shape[2],
                                             .slopes = slope_count,
                                             .dtype = dtype};
          SCOPED_TRACE(message(p.to_string(), " offset ", shift));
          const Tensor host_slopes = random_tensor({slope_count}, dtype, Values::normal, random_);
          Tensor expected = Tensor::empty(shape, dtype);
          kernels::activation(
              p, {.x = host_x, .activation = {.kind = p.kind, .slopes = host_slopes}, .y = expected}, "",
              cpu);
          const GuardedGpuTensor x(host_x, shift), slopes(host_slopes, 1), y(shape, dtype, shift);
          const Activation activation{.kind = p.kind, .slopes = slopes.view()};
          for (const auto& row : kernels::activation_rows(Device::Type::cuda)) {
            row.launch(p, {.x = x.view(), .activation = activation, .y = y.view()}, ctx);
            ASSERT_TRUE(nearly_equal(y.values(), expected, absolute(expected), 0x1p-21));
            const Tensor apart = y.values();
            row.launch(p, {.x = x.view(), .activation = activation, .y = x.view()}, ctx);  // in place
            ASSERT_TRUE(same_bits(x.values(), apart));
            copy(x.view(), host_x);
          }
        }
        const kernels::ChannelAffineProblem p{
            .outer = shape[0], .channels = shape[1], .inner = shape[2], .dtype = dtype};
        SCOPED_TRACE(message(p.to_string(), " offset ", shift));
        const Tensor scale = random_tensor({shape[1]}, DType::f32, Values::exact, random_);
        const Tensor move = random_tensor({shape[1]}, DType::f32, Values::exact, random_);
        const Tensor exact_x = random_tensor(shape, dtype, Values::exact, random_);
        Tensor expected = Tensor::empty(shape, dtype);
        kernels::channel_affine(p, {.x = exact_x, .scale = scale, .shift = move, .y = expected}, "", cpu);
        const GuardedGpuTensor x(exact_x, shift), gpu_scale(scale, 1), gpu_move(move, 2),
            y(shape, dtype, shift);
        for (const auto& row : kernels::channel_affine_rows(Device::Type::cuda)) {
          row.launch(p, {.x = x.view(), .scale = gpu_scale.view(), .shift = gpu_move.view(), .y = y.view()},
                     ctx);
          ASSERT_TRUE(exactly_equal(y.values(), expected));
        }
      }
    }
  }
}

TEST_F(CudaKernels, ActivationsKeepNanAndInfinity) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  for (const ActivationKind kind :
       {ActivationKind::relu, ActivationKind::leaky_relu, ActivationKind::sigmoid, ActivationKind::tanh}) {
    Tensor x = Tensor::zeros({5});
    const float values[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-40f};
    std::ranges::copy(values, x.data<float>().begin());
    Tensor gpu = x.to(Device::cuda(0));
    const kernels::ActivationProblem p{.kind = kind, .inner = 5};
    kernels::activation(p, {.x = gpu, .activation = {.kind = kind}, .y = gpu}, "", ctx);
    ExecutionContext cpu;
    kernels::activation(p, {.x = x, .activation = {.kind = kind}, .y = x}, "", cpu);
    EXPECT_TRUE(exactly_equal(gpu.to(Device::cpu()), x)) << name_of(kind);
  }
}

}  // namespace
}  // namespace upconv::test
