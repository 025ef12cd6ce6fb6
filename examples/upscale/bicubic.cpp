#include "upscale/bicubic.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace upscale {

namespace {

constexpr int kSupport = 2;  // the cubic is zero beyond

/// Keys' cubic convolution kernel with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

constexpr int kTaps = 2 * kSupport;

/// The input pixels that make one output pixel of a row or column. Near a border there are fewer than kTaps;
/// the rest weigh nothing and repeat the last.
struct Taps {
  std::array<int, kTaps> index{};
  std::array<double, kTaps> weight{};
};

std::vector<Taps> taps_for(int size) {
  std::vector<Taps> all(static_cast<std::size_t>(size) * kScale);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double centre =
        (static_cast<double>(i) + 0.5) / kScale;  // in input pixels, whose centres are at .5
    const int first = std::max(0, static_cast<int>(centre - kSupport + 0.5));
    const int end = std::min(size, static_cast<int>(centre + kSupport + 0.5));
    double sum = 0.0;
    for (int k = 0; k < kTaps; ++k) {
      all[i].index[k] = std::min(first + k, end - 1);
      all[i].weight[k] = first + k < end ? cubic(first + k - centre + 0.5) : 0.0;
      sum += all[i].weight[k];
    }
    for (double& weight : all[i].weight)
      weight /= sum;
  }
  return all;
}

}  // namespace

Plane bicubic_x2(const Plane& small, int num_threads) {
  Plane wide(small.width * kScale, small.height);
  const std::vector<Taps> columns = taps_for(small.width);
#pragma omp parallel for num_threads(num_threads)
  for (int y = 0; y < wide.height; ++y) {
    const float* from = small.row(y);
    float* to = wide.row(y);
    for (int x = 0; x < wide.width; ++x) {
      const auto& [index, weight] = columns[x];
      double sum = 0.0;
      for (int k = 0; k < kTaps; ++k)
        sum += from[index[k]] * weight[k];
      to[x] = static_cast<float>(sum);
    }
  }

  Plane large(wide.width, small.height * kScale);
  const std::vector<Taps> rows = taps_for(small.height);
#pragma omp parallel for num_threads(num_threads)
  for (int y = 0; y < large.height; ++y) {
    const auto& [index, weight] = rows[y];
    const std::array<const float*, kTaps> from = {wide.row(index[0]), wide.row(index[1]), wide.row(index[2]),
                                                  wide.row(index[3])};
    float* to = large.row(y);
    for (int x = 0; x < large.width; ++x) {
      double sum = 0.0;
      for (int k = 0; k < kTaps; ++k)
        sum += from[k][x] * weight[k];
      to[x] = static_cast<float>(sum);
    }
  }
  return large;
}

}  // namespace upscale
