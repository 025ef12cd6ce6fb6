#pragma once

#include <random>
#include <vector>

#include <upconv/kernels/resize2d.h>

namespace upconv::test {

/// Seeded problems of every kind: enlarging and reducing, by sizes and by scales, aligned and antialiased.
inline std::vector<kernels::ResizeProblem> resize_problems(std::uint32_t seed, int count) {
  using kernels::ResizeKind;
  std::mt19937 random(seed);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<kernels::ResizeProblem> problems;
  while (static_cast<int>(problems.size()) < count) {
    kernels::ResizeProblem p{.kind = static_cast<ResizeKind>(pick(0, 3))};
    const bool weighs = p.kind == ResizeKind::bilinear || p.kind == ResizeKind::bicubic;
    p.align_corners = weighs && pick(0, 2) == 0;
    p.antialias = weighs && pick(0, 2) == 0;
    p.planes = pick(0, 3) == 0 ? pick(9, 20) : pick(1, 4);
    p.ih = pick(1, 40);
    p.iw = pick(0, 2) == 0 ? pick(60, 300) : pick(1, 40);
    p.oh = pick(1, 50);
    p.ow = pick(0, 2) == 0 ? pick(60, 300) : pick(1, 40);
    const int way = pick(0, 5);
    if (way == 0) {  // twice the size
      p.oh = 2 * p.ih;
      p.ow = 2 * p.iw;
    } else if (way < 4) {
      p.scale_h = pick(1, 9) / static_cast<double>(pick(1, 6));
      p.scale_w = std::uniform_real_distribution<double>(0.05, 3.0)(random);
      p.oh = static_cast<std::int64_t>(static_cast<double>(p.ih) * p.scale_h);
      p.ow = static_cast<std::int64_t>(static_cast<double>(p.iw) * p.scale_w);
    }
    p.dtype = static_cast<DType>(pick(0, 2));
    if (p.oh > 0 && p.ow > 0) problems.push_back(p);
  }
  return problems;
}

}  // namespace upconv::test
