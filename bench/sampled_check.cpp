#include "sampled_check.h"

#include <cmath>
#include <random>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>

namespace upconv::bench {

namespace {

using kernels::ConvProblem;

/// An output in double, and the sum of its products' absolute values.
struct Exact {
  double value = 0;
  double magnitude = 0;
};

double at(const Tensor& tensor, std::int64_t index) {
  return visit_dtype(tensor.dtype(), [&]<class T>(std::type_identity<T>) {
    return static_cast<double>(static_cast<float>(tensor.data<T>()[static_cast<std::size_t>(index)]));
  });
}

/// One output of a convolution padded with zeros, by the definition.
Exact output(const ConvProblem& p, const Tensor& x, const Tensor& w, std::int64_t n, std::int64_t co,
             std::int64_t oh, std::int64_t ow) {
  const std::int64_t group = co / p.co_per_group();
  Exact sum;
  for (std::int64_t c = 0; c < p.ci_per_group(); ++c) {
    const std::int64_t ci = group * p.ci_per_group() + c;
    for (std::int64_t kh = 0; kh < p.kh; ++kh) {
      for (std::int64_t kw = 0; kw < p.kw; ++kw) {
        std::int64_t ih = oh * p.stride_h - p.pad_h + kh * p.dilation_h;
        std::int64_t iw = ow * p.stride_w - p.pad_w + kw * p.dilation_w;
        if (p.transposed) {
          ih = oh + p.pad_h - kh * p.dilation_h;
          iw = ow + p.pad_w - kw * p.dilation_w;
          if (ih % p.stride_h != 0 || iw % p.stride_w != 0) continue;
          ih /= p.stride_h;
          iw /= p.stride_w;
        }
        if (ih < 0 || ih >= p.ih || iw < 0 || iw >= p.iw) continue;
        const std::int64_t plane =
            p.transposed ? ci * p.co_per_group() + co % p.co_per_group() : co * p.ci_per_group() + c;
        const double product =
            at(x, ((n * p.ci + ci) * p.ih + ih) * p.iw + iw) * at(w, (plane * p.kh + kh) * p.kw + kw);
        sum.value += product;
        sum.magnitude += std::abs(product);
      }
    }
  }
  return sum;
}

/// Sums err by so much of the products' absolute values, which are exact in 16 bits but not in TF32; and the
/// result is rounded to its type.
double tolerance(const ConvProblem& p, const Exact& expected) {
  const double value = std::abs(expected.value);
  switch (p.dtype) {
    case DType::f16:
      return 0x1p-16 * expected.magnitude + 0x1p-10 * value;
    case DType::bf16:
      return 0x1p-16 * expected.magnitude + 0x1p-7 * value;
    default:
      return (p.precision == Precision::tf32 ? 0x1p-10 : 0x1p-21) * expected.magnitude;
  }
}

}  // namespace

Tensor random_normal(const Shape& shape, DType dtype, std::uint32_t seed) {
  constexpr std::size_t kPeriod = 1'000'003;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(std::min(kPeriod, static_cast<std::size_t>(shape.numel())));
  for (float& value : values)
    value = normal(random);
  Tensor tensor = Tensor::empty(shape);
  std::size_t next = 0;
  for (float& element : tensor.data<float>()) {
    element = values[next];
    if (++next == values.size()) next = 0;
  }
  return dtype == DType::f32 ? std::move(tensor) : tensor.to(dtype);
}

void check_outputs(const ConvProblem& p, const Tensor& x, const Tensor& weight, const Tensor& y) {
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    if (std::isnan(at(y, i))) throw Error(message("output ", i, " of ", y.shape(), " was not written"));
  }
  std::mt19937_64 random(1);
  const auto pick = [&](std::int64_t size) { return static_cast<std::int64_t>(random() >> 1) % size; };
  for (int sample = 0; sample < 256; ++sample) {
    const std::int64_t n = pick(p.n), co = pick(p.co), oh = pick(p.oh()), ow = pick(p.ow());
    const Exact expected = output(p, x, weight, n, co, oh, ow);
    const double actual = at(y, ((n * p.co + co) * p.oh() + oh) * p.ow() + ow);
    if (!(std::abs(actual - expected.value) <= tolerance(p, expected))) {
      throw Error(message("output [", n, ',', co, ',', oh, ',', ow, "] is ", actual, ", expected ",
                          expected.value, " within ", tolerance(p, expected)));
    }
  }
}

}  // namespace upconv::bench
