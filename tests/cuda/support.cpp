#include "cuda/support.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace upconv::test {

namespace {

constexpr std::size_t kBandBytes = 4096;

/// What nearly_equal lets pass near zero: of bf16 and f32 the whole range of the subnormals.
double tiny_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-24 : 0x1p-126;
}

}  // namespace

double spacing_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-24 : dtype == DType::bf16 ? 0x1p-133 : 0x1p-149;
}

double unit_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-11 : dtype == DType::bf16 ? 0x1p-8 : 0x1p-24;
}

std::vector<kernels::ConvProblem> gpu_problems() {
  std::vector<kernels::ConvProblem> problems;
  for (const char* text :
       {"n2ci64ih6iw5co48kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",
        "n3ci13ih7iw3co11kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",
        "n1ci15ih6iw7co13kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
        "n3ci64ih6iw8co48kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
        "n1ci3ih4iw4co3kh1kw1_s2x2_p0x0_op1x1_d1x1_g1_f32",
        "n1ci3ih7iw11co2kh11kw13_s2x3_p4x5_op1x2_d1x1_g1_f32",  // taps beyond one chunk
        "n1ci2ih2iw2co3kh3kw3_s1x1_p5x7_replicate_d1x1_g1_f32",
        // For the direct convolution on matrix units: whole boxes, tails, halves of a k step,
        // more chunks than a ring has stages, several tiles, every height, padding of all kinds.
        "n1ci32ih40iw256co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
        "n2ci32ih11iw136co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
        "n1ci20ih17iw260co40kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
        "n1ci64ih9iw136co64kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
        "n2ci24ih13iw72co36kh3kw7_s1x1_p1x3_op0x0_d1x1_g3_f32",
        "n2ci16ih21iw200co16kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",
        "n1ci9ih21iw199co33kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
        "n3ci8ih16iw64co8kh3kw5_s1x1_p0x2_op0x0_d1x1_g1_f32",
        "n1ci12ih300iw5co9kh3kw1_s1x1_p1x0_op0x0_d1x1_g1_f32",
        "n2ci32ih15iw129co32kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
        "n2ci17ih15iw80co34kh1kw5_s1x1_p0x0_zeros_d1x1_g1_f32",
        "n1ci48ih12iw64co24kh1kw3_s1x1_p0x1_op0x0_d1x1_g1_f32",
        "n1ci32ih24iw128co64kh1kw1_s1x1_p1x2_op0x0_d1x1_g1_f32",
        "n1ci32ih26iw136co32kh5kw5_s1x1_p2x2_op0x0_d1x1_g1_f32",
        "n1ci10ih33iw40co20kh5kw1_s1x1_p2x0_op0x0_d1x1_g1_f32",
        "n1ci64ih9iw72co18kh5kw7_s1x1_p2x3_zeros_d1x1_g1_f32",
        "n2ci16ih18iw96co16kh5kw3_s1x1_p4x3_op0x0_d1x1_g1_f32",
        "n1ci32ih26iw136co32kh7kw7_s1x1_p3x3_op0x0_d1x1_g1_f32",
        "n1ci64ih8iw64co10kh7kw7_s1x1_p6x6_op0x0_d1x1_g1_f32",
        "n1ci8ih30iw40co8kh7kw5_s1x1_p0x0_op0x0_d1x1_g1_f32",
        "n1ci11ih30iw33co21kh7kw3_s1x1_p3x1_zeros_d1x1_g1_f32",
        "n1ci8ih64iw9co8kh7kw1_s1x1_p3x0_op0x0_d1x1_g1_f32",
        "n2ci32ih5iw40co32kh3kw7_s1x1_p4x9_zeros_d1x1_g1_f32",
        "n2ci32ih9iw40co32kh5kw7_s1x1_p6x8_op0x0_d1x1_g1_f32",
        "n70ci8ih2iw3co8kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",
        "n1ci40ih3iw8co120kh3kw3_s1x1_p1x1_op0x0_d1x1_g10_f32",
        // Even kernels, and every tile of the direct convolution on mma.sync.
        "n1ci32ih20iw130co32kh2kw2_s1x1_p0x0_op0x0_d1x1_g1_f32",
        "n2ci17ih13iw67co33kh2kw2_s1x1_p1x1_zeros_d1x1_g1_f32",
        "n40ci16ih37iw128co32kh4kw4_s1x1_p1x2_op0x0_d1x1_g1_f32",
        "n1ci24ih31iw75co16kh4kw4_s1x1_p2x1_zeros_d1x1_g1_f32",
        "n1ci12ih23iw66co40kh6kw6_s1x1_p3x2_op0x0_d1x1_g1_f32",
        "n1ci16ih17iw101co8kh6kw6_s1x1_p9x8_zeros_d1x1_g1_f32",
        "n1ci16ih17iw101co8kh6kw6_s1x1_p7x8_op0x0_d1x1_g1_f32",
        "n2ci20ih14iw33co12kh2kw3_s1x1_p0x1_op0x0_d1x1_g2_f32",
        "n1ci8ih40iw64co64kh2kw3_s1x1_p1x0_zeros_d1x1_g1_f32",
        "n1ci40ih30iw35co20kh4kw1_s1x1_p2x0_op0x0_d1x1_g1_f32",
        "n3ci11ih9iw129co9kh1kw6_s1x1_p0x3_zeros_d1x1_g1_f32",
        "n1ci32ih12iw96co32kh1kw6_s1x1_p0x2_op0x0_d1x1_g1_f32",
        "n30ci5ih64iw200co7kh3kw2_s1x1_p1x1_zeros_d1x1_g1_f32"}) {
    problems.push_back(kernels::ConvProblem::parse(text));
  }
  for (const kernels::ConvProblem& problem : corner_problems())
    problems.push_back(problem);
  for (const kernels::ConvProblem& problem : random_problems(20, 240))
    problems.push_back(problem);
  // In 16 bits the direct convolution's rings have two stages here, and its feeders move tiles.
  problems.push_back(kernels::ConvProblem::parse("n1ci280ih6iw101co16kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32"));
  return problems;
}

DeviceCaps gpu_of(int compute_capability, std::size_t shared_kilobytes) {
  return {.type = Device::Type::cuda,
          .name = message("a GPU of compute capability ", compute_capability),
          .compute_capability = compute_capability,
          .multiprocessors = 132,
          .shared_memory_per_block = shared_kilobytes << 10,
          .memory_bytes = std::size_t{80} << 30};
}

std::string_view selected(std::string_view problem, const DeviceCaps& caps) {
  const kernels::ConvProblem p = kernels::ConvProblem::parse(problem);
  return kernels::select(p.op(), kernels::convolution_rows(Device::Type::cuda), p, caps, "").name;
}

bool is_built(std::string_view family) {
  const auto p = kernels::ConvProblem::parse("n1ci8ih8iw8co8kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f16");
  for (const kernels::ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
    if (row.name.find(family) == std::string_view::npos) continue;
    return !row.supports(p, gpu_of(90, 227)).reason.starts_with("this build holds no code");
  }
  throw ArgumentError(message("no row is of the family ", family));
}

std::size_t every() {
  const char* text = std::getenv("UPCONV_TEST_EVERY");
  return text == nullptr ? 1 : std::max(1ul, std::stoul(text));
}

Tensor random_slopes(std::int64_t count, DType dtype, Random& random) {
  Tensor result = Tensor::empty({count});
  std::uniform_int_distribution<int> exponent(1, 4);
  for (float& value : result.data<float>())
    value = std::ldexp(1.0f, -exponent(random));
  return result.to(dtype);
}

Tensor absolute(const Tensor& x) {
  Tensor result = x.to(DType::f32);
  for (float& value : result.data<float>())
    value = std::abs(value);
  return result.to(x.dtype());
}

GuardedGpuTensor::GuardedGpuTensor(const Shape& shape, DType dtype, int offset)
    : spec_{shape, dtype, Device::cuda(0)},
      begin_(kBandBytes + static_cast<std::size_t>(offset) * size_of(dtype)) {
  const std::size_t bytes = begin_ + spec_.bytes() + kBandBytes;
  memory_ = Tensor::full({static_cast<std::int64_t>(bytes / 8 + 1)}, -1.0, DType::i64, Device::cuda(0));
}

GuardedGpuTensor::GuardedGpuTensor(const Tensor& values, int offset)
    : GuardedGpuTensor(values.shape(), values.dtype(), offset) {
  copy(view(), values);
}

TensorView GuardedGpuTensor::view() const {
  return {static_cast<std::byte*>(const_cast<Tensor&>(memory_).view().raw()) + begin_, spec_};
}

Tensor GuardedGpuTensor::values() const {
  const Tensor host = memory_.to(Device::cpu());
  const auto* bytes = reinterpret_cast<const unsigned char*>(host.data<std::int64_t>().data());
  const std::size_t total = host.spec().bytes(), end = begin_ + spec_.bytes();
  std::size_t touched = 0;
  for (std::size_t i = 0; i < total; ++i)
    touched += (i < begin_ || i >= end) && bytes[i] != 0xff;
  EXPECT_EQ(touched, 0u) << "bytes of the guard bands were written";
  Tensor result = Tensor::empty(spec_.shape, spec_.dtype);
  if (spec_.bytes() != 0) std::memcpy(result.view().raw(), bytes + begin_, spec_.bytes());
  return result;
}

GpuConvolution::GpuConvolution(const kernels::ConvProblem& problem, const Host& host, int offset)
    : problem_(problem),
      offset_(offset),
      packed_(kernels::pack_weight(problem, host.weight, Device::cuda(0))),
      x_(host.x, offset),
      weight_(host.weight, offset),
      activation_(host.activation) {
  if (host.bias.defined()) bias_.emplace(host.bias, offset);
  if (host.slopes.defined()) activation_.slopes = slopes_.emplace(host.slopes, offset).view();
}

Tensor GpuConvolution::run(const kernels::ConvRow& row, const kernels::ConvProblem& problem,
                           ExecutionContext& ctx) const {
  const GuardedGpuTensor y(problem.y_shape(), problem.dtype, offset_ == 0 ? 0 : 8 - offset_);
  kernels::ConvOperands operands{.x = x_.view(),
                                 .weight = weight_.view(),
                                 .packed_weight = &packed_,
                                 .epilogue = {.bias = {}, .first = activation_},
                                 .y = y.view()};
  if (bias_) operands.epilogue.bias = bias_->view();
  row.launch(problem, operands, ctx);
  return y.values();
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() &&
         (a.numel() == 0 || std::memcmp(a.view().raw(), b.view().raw(), a.spec().bytes()) == 0);
}

::testing::AssertionResult exactly_equal(const Tensor& actual, const Tensor& expected) {
  const std::vector<double> a = to_doubles(actual), e = to_doubles(expected);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    return ::testing::AssertionFailure()
           << "element " << i << " of " << actual.spec() << " is " << a[i] << ", expected " << e[i];
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult nearly_equal(const Tensor& actual, const Tensor& expected, const Tensor& bound,
                                        double factor, int roundings) {
  const std::vector<double> a = to_doubles(actual), e = to_doubles(expected), b = to_doubles(bound);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    // Actual and expected are each rounded once to the type, the actual one `roundings` times.
    const double tolerance = factor * b[i] + (roundings + 1) * (unit_of(actual.dtype()) * std::abs(e[i]) +
                                                                tiny_of(actual.dtype()));
    if (!(std::abs(a[i] - e[i]) <= tolerance)) {
      return ::testing::AssertionFailure() << "element " << i << " of " << actual.spec() << " is " << a[i]
                                           << ", expected " << e[i] << " within " << tolerance;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace upconv::test
