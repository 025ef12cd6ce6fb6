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

/// The input pixels that make one output pixel of a row or column.
struct Taps {
  int first = 0;
  int count = 0;
  std::array<double, 2 * kSupport + 1> weights{};
};

std::vector<Taps> taps_for(int size) {
  std::vector<Taps> all(static_cast<std::size_t>(size) * kScale);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Taps& taps = all[i];
    const double centre =
        (static_cast<double>(i) + 0.5) / kScale;  // in input pixels, whose centres are at .5
    taps.first = std::max(0, static_cast<int>(centre - kSupport + 0.5));
    taps.count = std::min(size, static_cast<int>(centre + kSupport + 0.5)) - taps.first;
    double sum = 0.0;
    for (int k = 0; k < taps.count; ++k)
      sum += taps.weights[k] = cubic(taps.first + k - centre + 0.5);
    for (int k = 0; k < taps.count; ++k)
      taps.weights[k] /= sum;
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
      const Taps& taps = columns[x];
      double sum = 0.0;
      for (int k = 0; k < taps.count; ++k)
        sum += from[taps.first + k] * taps.weights[k];
      to[x] = static_cast<float>(sum);
    }
  }

  Plane large(wide.width, small.height * kScale);
  const std::vector<Taps> rows = taps_for(small.height);
#pragma omp parallel for num_threads(num_threads)
  for (int y = 0; y < large.height; ++y) {
    const Taps& taps = rows[y];
    float* to = large.row(y);
    for (int x = 0; x < large.width; ++x) {
      double sum = 0.0;
      for (int k = 0; k < taps.count; ++k)
        sum += wide.row(taps.first + k)[x] * taps.weights[k];
      to[x] = static_cast<float>(sum);
    }
  }
  return large;
}

}  // namespace upscale
