#include "flagship/random.h"

#include <algorithm>
#include <random>

namespace flagship {

upconv::Tensor random_normal(const upconv::Shape& shape, std::uint32_t seed) {
  constexpr std::int64_t kBlock = 1 << 16;  // values of one generator
  upconv::Tensor result = upconv::Tensor::empty(shape);
  float* values = result.data<float>().data();
  const std::int64_t count = result.numel(), blocks = (count + kBlock - 1) / kBlock;
#pragma omp parallel for
  for (std::int64_t block = 0; block < blocks; ++block) {
    std::seed_seq sequence{seed, static_cast<std::uint32_t>(block)};
    std::mt19937 random(sequence);
    std::normal_distribution<float> normal;
    std::generate(values + block * kBlock, values + std::min(count, (block + 1) * kBlock),
                  [&] { return normal(random); });
  }
  return result;
}

}  // namespace flagship
