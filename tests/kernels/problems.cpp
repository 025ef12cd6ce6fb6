#include "problems.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include <upconv/kernels/cpu/tables.h>

namespace upconv::test {

using kernels::ActivationKind;
using kernels::ConvProblem;

namespace {

bool is_valid(const ConvProblem& problem) {
  try {
    kernels::validate(problem);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<ConvProblem> corner_problems() {
  std::vector<ConvProblem> problems;
  for (const char* text : {
           // transposed: stride, kernel and padding against each other
           "n1ci3ih5iw7co4kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32",
           "n2ci4ih6iw40co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
           "n1ci5ih4iw6co9kh2kw2_s3x4_p0x0_op1x2_d1x1_g1_f32",  // stride > kernel: phases without taps
           "n1ci2ih5iw5co3kh3kw3_s2x2_p0x0_op0x0_d2x2_g1_f32",  // the same by dilation
           "n1ci2ih5iw5co3kh3kw3_s2x2_p1x1_op1x1_d3x3_g1_f32",
           "n1ci2ih3iw3co2kh2kw2_s2x2_p0x0_op3x3_d4x4_g1_f32",
           "n1ci3ih1iw1co5kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",  // one pixel
           "n3ci3ih1iw1co5kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f32",
           "n33ci7ih1iw1co17kh4kw4_s1x1_p0x0_op0x0_d1x1_g1_f32",  // one pixel, a batch wider than any vector
           "n70ci6ih2iw3co11kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
           "n5ci6ih4iw4co16kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",
           "n1ci3ih4iw4co2kh5kw5_s1x1_p3x3_op0x0_d1x1_g1_f32",
           "n1ci3ih3iw3co2kh5kw5_s1x1_p3x3_op0x0_d1x1_g1_f32",   // padding crops all but one pixel
           "n1ci2ih9iw11co1kh9kw9_s2x2_p4x4_op1x1_d1x1_g1_f32",  // FSRCNN heads
           "n1ci4ih6iw40co1kh9kw9_s3x3_p4x4_op2x2_d1x1_g1_f32",
           "n1ci4ih6iw40co1kh9kw9_s4x4_p4x4_op3x3_d1x1_g1_f32",
           "n1ci3ih8iw9co3kh16kw16_s8x8_p4x4_op0x0_d1x1_g3_f32",  // bilinear, depthwise
           "n2ci6ih7iw33co6kh4kw4_s2x2_p1x1_op0x0_d1x1_g6_f32",
           "n1ci4ih5iw5co12kh3kw3_s1x1_p1x1_op0x0_d1x1_g4_f32",  // depthwise with three outputs a channel
           "n2ci8ih5iw19co20kh3kw3_s2x2_p1x1_op1x1_d1x1_g4_f32",
           "n1ci16ih1iw64co8kh1kw8_s1x4_p0x2_op0x0_d1x1_g1_f32",  // one row
           "n1ci4ih64iw1co3kh8kw1_s4x1_p2x0_op0x0_d1x1_g1_f32",   // one column
           "n0ci3ih5iw7co4kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32",    // zero batch
           "n1ci2ih3iw130co3kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",
           "n1ci1ih2iw700co1kh1kw5_s1x1_p0x2_op0x0_d1x1_g1_f32",  // several column tiles
           "n1ci2ih40iw40co2kh3kw3_s1x1_p30x30_op0x0_d30x30_g1_f32",
           "n1ci1ih2iw3co1kh2kw2_s50x60_p3x7_op4x5_d1x1_g1_f32",  // a stride far beyond the kernel
           "n1ci700ih3iw3co5kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",  // many channels
           "n2ci3ih13iw17co13kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",
           "n1ci3ih3iw17co13kh1kw1_s2x2_p0x0_op0x0_d1x1_g1_f32",
           // ordinary: the same, and what is beyond the border
           "n1ci3ih9iw9co4kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
           "n2ci4ih9iw50co6kh3kw5_s2x3_p2x1_zeros_d1x1_g2_f32",
           "n1ci3ih12iw35co4kh3kw3_s2x2_p1x1_reflect_d1x1_g1_f32",
           "n1ci3ih7iw35co4kh5kw7_s1x1_p6x30_reflect_d1x1_g1_f32",
           "n1ci3ih7iw5co4kh5kw5_s3x3_p9x20_replicate_d2x2_g1_f32",
           "n2ci3ih4iw4co4kh3kw3_s1x1_p3x3_replicate_d1x1_g1_f32",
           "n1ci1ih1iw1co1kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
           "n1ci2ih3iw4co3kh3kw4_s5x5_p0x0_zeros_d1x1_g1_f32",  // one output pixel
           "n1ci2ih5iw5co3kh2kw2_s4x4_p0x0_zeros_d1x1_g1_f32",  // rows and columns nobody reads
           "n40ci3ih3iw3co5kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
           "n40ci3ih5iw5co5kh3kw3_s2x2_p1x1_zeros_d1x1_g1_f32",
           "n40ci3ih3iw3co5kh3kw3_s2x2_p2x2_reflect_d1x1_g1_f32",
           "n1ci6ih11iw70co6kh3kw3_s1x1_p1x1_zeros_d1x1_g6_f32",
           "n1ci3ih80iw80co2kh3kw3_s1x1_p20x20_zeros_d20x20_g1_f32",
           "n1ci5ih33iw33co19kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
           "n1ci5ih33iw33co19kh1kw1_s2x2_p0x0_zeros_d1x1_g1_f32",
           "n1ci1ih30iw300co56kh5kw5_s1x1_p2x2_zeros_d1x1_g1_f32",
           "n0ci3ih5iw7co4kh3kw3_s1x1_p0x0_zeros_d1x1_g1_f32",
       }) {
    problems.push_back(ConvProblem::parse(text));
  }
  return problems;
}

std::vector<ConvProblem> random_problems(std::uint32_t seed, int count) {
  std::mt19937 random(seed);
  const auto pick = [&random](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(most - least + 1));
  };
  std::vector<ConvProblem> problems;
  while (problems.size() < static_cast<std::size_t>(count)) {
    ConvProblem p;
    p.transposed = pick(0, 2) != 0;
    p.n = pick(0, 9) == 0 ? pick(8, 40) : pick(1, 3);
    p.groups = pick(0, 2) == 0 ? pick(2, 4) : 1;
    const bool depthwise = pick(0, 9) == 0;
    p.ci = p.groups * (depthwise ? 1 : pick(1, 9));
    p.co = p.groups * (depthwise ? 1 : pick(1, 19));
    p.ih = pick(1, 9);
    p.iw = pick(0, 3) == 0 ? pick(20, 60) : pick(1, 18);
    p.kh = pick(1, 5);
    p.kw = pick(1, 7);
    p.stride_h = pick(1, 4);
    p.stride_w = pick(0, 2) == 0 ? p.stride_h : pick(1, 5);
    p.pad_h = pick(0, 4);
    p.pad_w = pick(0, 4);
    p.dilation_h = pick(1, 3);
    p.dilation_w = pick(1, 3);
    if (p.transposed) {
      p.output_pad_h = pick(0, std::max(p.stride_h, p.dilation_h) - 1);
      p.output_pad_w = pick(0, std::max(p.stride_w, p.dilation_w) - 1);
    } else {
      p.padding_mode = static_cast<kernels::PaddingMode>(pick(0, 3));
      if (pick(0, 3) == 0) {
        p.pad_end_h = pick(-p.pad_h, 2);
        p.pad_end_w = pick(-p.pad_w, 2);
      }
    }
    p.dtype = static_cast<DType>(pick(0, 5) < 4 ? 0 : pick(1, 2));
    if (is_valid(p)) problems.push_back(p);
  }
  return problems;
}

Tensor random_tensor(const Shape& shape, DType dtype, Values values, std::mt19937& random) {
  Tensor plain = Tensor::empty(shape);
  std::normal_distribution<float> normal;
  for (float& value : plain.data<float>())
    value = values == Values::exact ? static_cast<float>(static_cast<int>(random() % 65) - 32) / 16.0f
                                    : normal(random);
  return dtype == DType::f32 ? std::move(plain) : plain.to(dtype);
}

ConvCase::ConvCase(const ConvProblem& p, Values values, std::uint32_t seed, bool with_bias,
                   ActivationKind kind)
    : problem(p) {
  std::mt19937 random(seed);
  x = random_tensor(p.x_shape(), p.dtype, values, random);
  weight = random_tensor(p.weight_shape(), p.dtype, values, random);
  if (with_bias) bias = random_tensor({p.co}, p.dtype, values, random);
  packed = kernels::pack_weight(p, weight, Device::cpu());
  activation.kind = kind;
  activation.a = 0.125f;
  if (kind == ActivationKind::prelu) {
    slopes = random_tensor({seed % 2 == 0 ? p.co : 1}, p.dtype, values, random);
    activation.slopes = slopes;
  }
}

kernels::ConvOperands ConvCase::operands(TensorView y) const {
  return {.x = x,
          .weight = weight,
          .packed_weight = &packed,
          .epilogue = {.bias = bias, .first = activation},
          .y = y};
}

Tensor ConvCase::run(std::string_view name, ExecutionContext& ctx) const {
  GuardedTensor y(problem.y_shape(), problem.dtype);
  bool found = false;
  for (const kernels::ConvRow& row : kernels::convolution_rows(Device::Type::cpu)) {
    if (row.name != name) continue;
    row.launch(problem, operands(y.view()), ctx);
    found = true;
  }
  EXPECT_TRUE(found) << name;
  EXPECT_TRUE(y.guards_intact()) << name << ' ' << problem.to_string();
  Tensor result = Tensor::empty(problem.y_shape(), problem.dtype);
  copy(result, y.view());
  return result;
}

namespace {
constexpr std::size_t kGuard = 256;               // 16-bit words, before and behind
constexpr std::uint16_t kGuardWord = 0x7fc5;      // a NaN in f32 and bf16 pairs, and easy to know again
constexpr std::uint16_t kUnwrittenWord = 0x7fff;  // a NaN in f32, f16 and bf16
}  // namespace

GuardedTensor::GuardedTensor(const Shape& shape, DType dtype) {
  const TensorSpec spec{shape, dtype, Device::cpu()};
  const std::size_t words = spec.bytes() / sizeof(std::uint16_t);
  memory_.assign(2 * kGuard + words, kGuardWord);
  std::fill_n(memory_.begin() + kGuard, words, kUnwrittenWord);
  view_ = TensorView(memory_.data() + kGuard, spec);
}

bool GuardedTensor::guards_intact() const {
  const auto is_guard = [](std::uint16_t word) { return word == kGuardWord; };
  return std::all_of(memory_.begin(), memory_.begin() + kGuard, is_guard) &&
         std::all_of(memory_.end() - kGuard, memory_.end(), is_guard);
}

std::vector<double> to_doubles(const ConstTensorView& tensor) {
  std::vector<double> values;
  visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    for (const T value : tensor.data<T>())
      values.push_back(static_cast<double>(value));
  });
  return values;
}

bool bit_equal(const ConstTensorView& a, const ConstTensorView& b) {
  return a.spec() == b.spec() && (a.numel() == 0 || std::memcmp(a.raw(), b.raw(), a.spec().bytes()) == 0);
}

std::vector<double> magnitudes(const ConvCase& c) {
  // The reference on absolute values, in f32 so that nothing is rounded coarsely.
  ConvCase positive(c.problem, Values::exact, 0);
  positive.problem.dtype = DType::f32;
  const auto absolute = [](const Tensor& tensor) {
    Tensor result = tensor.to(DType::f32);
    for (float& value : result.data<float>())
      value = std::abs(value);
    return result;
  };
  positive.x = absolute(c.x);
  positive.weight = absolute(c.weight);
  positive.bias = c.bias.defined() ? absolute(c.bias) : Tensor();
  ExecutionContext ctx;
  return to_doubles(positive.run("cpu.reference", ctx));
}

}  // namespace upconv::test
