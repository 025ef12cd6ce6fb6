#include "flagship/check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include <upconv/framework/float16.h>

namespace flagship {

namespace {

using examples::Numbers;
using upconv::ConstTensorView;
using upconv::DType;

struct Place {
  std::int64_t n, co, oh, ow;
};

std::vector<Place> places(const upconv::Shape& y, std::size_t count) {
  const std::int64_t images = y[0], height = y[2], width = y[3];
  std::vector<Place> result;
  for (std::int64_t plane = 0; plane < images * kChannels; ++plane) {
    for (const std::int64_t oh : {std::int64_t{0}, height - 1}) {
      for (const std::int64_t ow : {std::int64_t{0}, width - 1})
        result.push_back({plane / kChannels, plane % kChannels, oh, ow});
    }
  }
  std::mt19937_64 random(1);  // its numbers are the same everywhere, unlike a distribution's
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t n = below(images), co = below(kChannels), oh = below(height);
    result.push_back({n, co, oh, below(width)});
  }
  return result;
}

/// The nearest TF32 number, ties away from zero.
float round_to_tf32(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000u) & 0xffffe000u);
}

/// One output, computed in several ways.
struct Sums {
  double exact = 0;       // in double
  double magnitudes = 0;  // of the products
  double tf32 = 0;        // of operands rounded to TF32
  float plain = 0;        // fp32 multiply-adds
};

/// Transposed convolution of stride 1: input pixel (ih, iw) adds x * w[kh][kw] to output (ih - pad_h + kh,
/// iw - pad_w + kw), so that the output gathers from (oh + pad_h - kh, ow + pad_w - kw).
Sums sums_at(const Place& at, const ConstTensorView& x, const ConstTensorView& weight) {
  const std::int64_t height = x.shape()[2], width = x.shape()[3];
  const float* values = x.data<float>().data();
  const float* weights = weight.data<float>().data();
  Sums sums;
  for (std::int64_t ci = 0; ci < kChannels; ++ci) {
    for (std::int64_t kh = 0; kh < kKh; ++kh) {
      for (std::int64_t kw = 0; kw < kKw; ++kw) {
        const std::int64_t ih = at.oh + kPadH - kh, iw = at.ow + kPadW - kw;
        if (ih < 0 || ih >= height || iw < 0 || iw >= width) continue;
        const float a = values[((at.n * kChannels + ci) * height + ih) * width + iw];
        const float b = weights[((ci * kChannels + at.co) * kKh + kh) * kKw + kw];
        const double product = double{a} * double{b};
        sums.exact += product;
        sums.magnitudes += std::abs(product);
        sums.tf32 += double{round_to_tf32(a)} * double{round_to_tf32(b)};
        sums.plain = std::fma(a, b, sums.plain);
      }
    }
  }
  return sums;
}

/// A precision's plain arithmetic, and how far results may be from the exact ones.
struct Peer {
  std::string name;
  double (*value)(const Sums& sums);
  double factor = 1.1;           // of its error, over all outputs
  double floor = 0.0;            // what is allowed in any case
  double unit = 0x1p-24;         // half an ulp of the result's type, relative
  double tiny = 0x1p-126;        // and absolute, near zero
  double per_product = 0x1p-21;  // of an output: relative to the sum of its products' magnitudes
};

Peer peer_of(Numbers numbers) {
  if (numbers.dtype == DType::f16) {
    return {.name = "rounding the exact result to f16 errs",
            .value = [](const Sums& sums) { return double{upconv::Float16(static_cast<float>(sums.exact))}; },
            .unit = 0x1p-11,
            .tiny = 0x1p-24};
  }
  if (numbers.dtype == DType::bf16) {
    return {
        .name = "rounding the exact result to bf16 errs",
        .value = [](const Sums& sums) { return double{upconv::BFloat16(static_cast<float>(sums.exact))}; },
        .unit = 0x1p-8};
  }
  if (numbers.precision == upconv::Precision::tf32) {
    return {.name = "operands rounded to TF32 err",
            .value = [](const Sums& sums) { return sums.tf32; },
            .per_product = 0x1p-9};
  }
  return {.name = "a plain fp32 loop errs",
          .value = [](const Sums& sums) { return double{sums.plain}; },
          .factor = 1.2,
          .floor = 0x1p-24};  // rounding the exact result
}

}  // namespace

Check check_sample(ConstTensorView x, ConstTensorView weight, ConstTensorView y, Numbers numbers,
                   std::size_t count) {
  const Peer peer = peer_of(numbers);
  const std::int64_t height = y.shape()[2], width = y.shape()[3];
  Check check{.peer = peer.name};
  double length = 0, distance = 0, peer_distance = 0;  // squared
  for (const Place& at : places(y.shape(), count)) {
    const Sums sums = sums_at(at, x, weight);
    const std::int64_t i = ((at.n * kChannels + at.co) * height + at.oh) * width + at.ow;
    const double error = double{y.data<float>()[static_cast<std::size_t>(i)]} - sums.exact;
    const double tolerance =
        peer.per_product * sums.magnitudes + 2 * peer.unit * std::abs(sums.exact) + peer.tiny;
    if (!(std::abs(error) <= tolerance)) ++check.wrong;
    ++check.outputs;
    length += sums.exact * sums.exact;
    distance += error * error;
    peer_distance += std::pow(peer.value(sums) - sums.exact, 2);
  }
  const double scale = length > 0 ? 1 / std::sqrt(length) : 1;
  check.error = std::sqrt(distance) * scale;
  check.peer_error = std::sqrt(peer_distance) * scale;
  check.allowed = std::max(peer.factor * check.peer_error, peer.floor);
  return check;
}

}  // namespace flagship
