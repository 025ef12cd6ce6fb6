#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/support.h"
#include "kernels/epilogues.h"
#include <gmock/gmock.h>

#include <upconv/kernels/linear.h>
#include <upconv/kernels/pointwise.h>

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
        .x = x, .weight = weight, .packed_weight = {}, .epilogue = {.bias = {}, .first = activation}, .y = y};
    if (bias.defined()) result.epilogue.bias = bias;
    if (slopes.defined()) result.epilogue.first.slopes = slopes;
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
                   .activation = {.kind = kind, .a = 0.125f}};
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
                              .epilogue = {.bias = {}, .first = data.activation},
                              .y = y.view()};
        if (data.bias.defined()) operands.epilogue.bias = bias.view();
        if (data.slopes.defined()) operands.epilogue.first.slopes = slopes.view();
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
      row.launch(
          problem,
          {.x = x.view(), .weight = weight.view(), .packed_weight = &packed, .epilogue = {}, .y = y.view()},
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
    rows.back().launch(
        problem, {.x = x.view(), .weight = weight.view(), .packed_weight = {}, .epilogue = {}, .y = y.view()},
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

/// Copies on the GPU that live as long as this does.
class GpuCopies {
 public:
  explicit GpuCopies(int offset) : offset_(offset) {}
  ConstTensorView operator()(const Tensor& host) { return copies_.emplace_back(host, offset_).view(); }

 private:
  int offset_;
  std::deque<GuardedGpuTensor> copies_;
};

TEST_F(CudaKernels, EveryRowAppliesEveryEpilogueItTakes) {
  constexpr const char* kProblems[] = {
      "n2ci16ih9iw72co24kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",  // direct, vectors
      "n1ci16ih7iw67co10kh3kw5_s1x1_p1x2_op0x0_d1x1_g1_f32",  // direct, rows that begin anywhere
      "n1ci8ih5iw66co20kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",   // a matrix product, if it has enough channels
      "n2ci64ih9iw16co64kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",  // a matrix product
      "n2ci3ih6iw7co5kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",     // plain
      "n1ci8ih6iw40co8kh3kw7_s1x1_p1x3_op0x0_d1x1_g2_f32",    // groups
  };
  ExecutionContext ctx({.device = Device::cuda(0)});
  ExecutionContext cpu({.kernels = {{"conv_transpose2d", "cpu.reference"}, {"conv2d", "cpu.reference"}}});
  std::map<std::string_view, int> runs;
  const std::vector<kernels::EpilogueForm> forms = exact_forms();
  for (const char* text : kProblems) {
    for (std::size_t f = 0; f < forms.size(); f += every()) {
      const DType dtype = kComputeDTypes[(f / every() + static_cast<std::size_t>(text[1])) % 3];
      ConvProblem p = ConvProblem::parse(text);
      p.dtype = dtype;
      const Tensor x = random_tensor(p.x_shape(), dtype, Values::exact, random_);
      const Tensor weight = random_tensor(p.weight_shape(), dtype, Values::exact, random_);
      const EpilogueCase one(forms[f], p.co, p.y_shape(), dtype, Values::exact, random_);
      Tensor expected = Tensor::empty(p.y_shape(), dtype);
      const auto host_packed = kernels::pack_weight(p, weight, cpu.device());
      const kernels::Epilogue host = one.epilogue();
      kernels::convolution(
          p, {.x = x, .weight = weight, .packed_weight = &host_packed, .epilogue = host, .y = expected}, "",
          cpu);
      p.epilogue = kernels::EpilogueForm::of(host);
      for (const int at : {0, 3}) {
        GpuCopies place(at);
        const auto packed = kernels::pack_weight(p, weight, ctx.device());
        const ConstTensorView gpu_x = place(x), gpu_weight = place(weight);
        const kernels::Epilogue epilogue = one.epilogue(place);
        for (const auto& [precision, row] : choices(p, ctx.caps())) {
          p.precision = precision;
          SCOPED_TRACE(message(row->name, ' ', p.op(), ' ', p.to_string(), " offset ", at));
          if (!row->supports(p, ctx.caps()).supported) continue;
          ++runs[row->name];
          const GuardedGpuTensor y(p.y_shape(), dtype, at);
          row->launch(p,
                      {.x = gpu_x,
                       .weight = gpu_weight,
                       .packed_weight = &packed,
                       .epilogue = epilogue,
                       .y = y.view()},
                      ctx);
          ASSERT_TRUE(exactly_equal(y.values(), expected));
        }
        p.precision = Precision::fp32;
      }
    }
  }
  for (const auto& row : kernels::convolution_rows(Device::Type::cuda))
    EXPECT_GT(runs[row.name], 0) << row.name << " ran on no problem";
}

/// False for functions of which a small error in the argument is no small one in the result.
bool keeps_small_errors(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::hardshrink:
    case ActivationKind::threshold:
    case ActivationKind::exp:
    case ActivationKind::log:
    case ActivationKind::sqrt:
    case ActivationKind::rsqrt:
    case ActivationKind::square:
    case ActivationKind::reciprocal:
    case ActivationKind::pow:
      return false;
    default:
      return true;
  }
}

TEST_F(CudaKernels, PointwiseRowsMatchTheReference) {
  ExecutionContext cpu({.kernels = {{"pointwise", "cpu.reference"}}}), ctx({.device = Device::cuda(0)});
  const Shape shapes[] = {{1, 1, 1},    {1, 1, 7},    {2, 3, 16}, {2, 3, 5},     {3, 40, 33},
                          {1, 7, 4096}, {5, 1, 1000}, {4, 64, 1}, {1, 3, 200001}};
  std::vector<kernels::EpilogueForm> forms = exact_forms();
  const std::size_t exact = forms.size();
  for (const auto& [kind, name] : kernels::kActivationNames) {
    forms.push_back({.first = kind});
    if (keeps_small_errors(kind)) forms.push_back({.affine = true, .residual = true, .second = kind});
  }
  std::size_t turn = 0;
  for (std::size_t f = 0; f < forms.size(); ++f) {
    for (const Shape& shape : shapes) {
      if (++turn % every() != 0) continue;
      const DType dtype = kComputeDTypes[turn % 3];
      const Values values = f < exact ? Values::exact : Values::normal;
      const int shift = static_cast<int>(turn / 3 % 3) * 2;
      const EpilogueCase one(forms[f], shape[1], shape, dtype, values, random_);
      const kernels::PointwiseProblem p{
          .outer = shape[0], .channels = shape[1], .inner = shape[2], .dtype = dtype};
      SCOPED_TRACE(message(p.to_string(), forms[f].to_string(), " offset ", shift));
      const Tensor host_x = random_tensor(shape, dtype, values, random_);
      const kernels::Epilogue host = one.epilogue();
      Tensor expected = Tensor::empty(shape, dtype);
      kernels::pointwise(p, {.x = host_x, .epilogue = host, .y = expected}, "", cpu);
      GpuCopies place(shift);
      const kernels::Epilogue epilogue = one.epilogue(place);
      const GuardedGpuTensor x(host_x, shift), y(shape, dtype, shift);
      for (const auto& row : kernels::pointwise_rows(Device::Type::cuda)) {
        row.launch(p, {.x = x.view(), .epilogue = epilogue, .y = y.view()}, ctx);
        if (values == Values::exact) {
          ASSERT_TRUE(exactly_equal(y.values(), expected));
        } else {
          Tensor bound = absolute(host_x.to(DType::f32));
          const Tensor wide = expected.to(DType::f32);
          for (std::size_t i = 0; i < wide.data<float>().size(); ++i) {  // exp of such values, bias and shift
            const float size = std::abs(wide.data<float>()[i]);
            bound.data<float>()[i] += 32.0f + (std::isfinite(size) ? 32.0f * size : 0.0f);
          }
          ASSERT_TRUE(nearly_equal(y.values(), expected, bound, 0x1p-20));
        }
        const Tensor apart = y.values();
        row.launch(p, {.x = x.view(), .epilogue = epilogue, .y = x.view()}, ctx);  // in place
        ASSERT_TRUE(same_bits(x.values(), apart));
        copy(x.view(), host_x);
      }
    }
  }
}

TEST_F(CudaKernels, ActivationsKeepNanAndInfinity) {
  ExecutionContext ctx({.device = Device::cuda(0)}), cpu;
  for (const auto& [kind, name] : kernels::kActivationNames) {
    if (kind == ActivationKind::prelu) continue;
    Tensor x = Tensor::zeros({5});
    const float values[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-40f};
    std::ranges::copy(values, x.data<float>().begin());
    Tensor gpu = x.to(Device::cuda(0));
    const kernels::PointwiseProblem p{.inner = 5};
    const kernels::Epilogue epilogue{.first = {.kind = kind}};
    kernels::pointwise(p, {.x = gpu, .epilogue = epilogue, .y = gpu}, "", ctx);
    kernels::pointwise(p, {.x = x, .epilogue = epilogue, .y = x}, "", cpu);
    const std::vector<double> got = to_doubles(gpu.to(Device::cpu())), wanted = to_doubles(x);
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i])) ||
                  std::abs(got[i] - wanted[i]) <= 0x1p-21 * std::abs(wanted[i]) + 0x1p-149)
          << name << ' ' << values[i] << ": " << got[i] << " for " << wanted[i];
    }
  }
}

}  // namespace
}  // namespace upconv::test
