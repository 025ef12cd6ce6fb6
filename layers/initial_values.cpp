#include <cmath>

#include <upconv/layers/initial_values.h>

namespace upconv {

void draw_uniform(std::span<float> values, const Shape& weight, RandomStream& random) {
  if (weight.numel() == 0) return;
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.numel() / weight[0]));
  for (float& value : values)
    value = random.symmetric(bound);
}

}  // namespace upconv
