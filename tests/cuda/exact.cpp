#include "cuda/exact.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <thread>
#include <utility>

#include "cuda/support.h"

namespace upconv::test {

namespace {

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

}  // namespace

Exact exact_convolution(const kernels::ConvProblem& p, const Tensor& x_tensor, const Tensor& w_tensor,
                        double least) {
  const std::vector<double> x = to_doubles(x_tensor), w = to_doubles(w_tensor);
  const auto count = static_cast<std::size_t>(p.y_shape().numel());
  Exact result{std::vector<double>(count), std::vector<double>(count)};
  const Pairs rows = pairs_of(p.transposed, p.ih, p.oh(), p.kh, p.stride_h, p.pad_h, p.dilation_h);
  const Pairs columns = pairs_of(p.transposed, p.iw, p.ow(), p.kw, p.stride_w, p.pad_w, p.dilation_w);
  const std::int64_t ci_group = p.ci_per_group(), co_group = p.co_per_group();

  const auto fill_plane = [&](std::int64_t plane) {  // of image n and output channel co
    const std::int64_t n = plane / p.co, co = plane % p.co;
    double* y = &result.y[static_cast<std::size_t>(plane * p.oh() * p.ow())];
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

}  // namespace upconv::test
