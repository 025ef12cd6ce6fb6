#include "cuda/ranges.h"

#include <algorithm>
#include <cmath>

namespace upconv::test {

namespace {

Reach reach_of(DType dtype) {
  if (dtype == DType::f16) {
    return {.large = 16.0f,
            .small = 1e-4f,
            .denormal = 2e-6f,
            .largest = 65504.0f,
            .least_exponent = -4.0f,
            .most_exponent = 1.5f,
            .binary_exponent = 8,
            .offset = 100.0f,
            .outlier = 1e3f,
            .extreme = 1e4f,
            .beside_outlier = 1e-3f};
  }
  return {
      .large = 1e6f,
      .small = 1e-6f,
      .denormal = 1e-39f,
      .largest = dtype == DType::bf16 ? 0x1.fep127f : 0x1.ff8p127f,  // of TF32; of bf16 it would be infinite
      .least_exponent = -6.0f,
      .most_exponent = 6.0f,
      .binary_exponent = 30,
      .offset = 1000.0f,
      .outlier = 1e6f,
      .extreme = 1e30f,
      .beside_outlier = 1e-6f};
}

void scale(std::span<float> values, float factor) {
  for (float& value : values)
    value *= factor;
}

/// Some are the largest finite value itself.
void scale_to_largest(std::span<float> values, float largest) {
  for (float& value : values)
    value = std::clamp(value, -2.0f, 2.0f) * (0.5f * largest);
}

/// Zero but for one in `count`.
void thin_out(std::span<float> values, unsigned count, Random& random) {
  for (float& value : values)
    value = random() % count == 0 ? value : 0.0f;
}

constexpr Range kRanges[] = {
    {"normal", [](Filling&) {}},
    {"large_x", [](Filling& f) { scale(f.x, f.reach.large); }},
    {"large_weight", [](Filling& f) { scale(f.w, f.reach.large); }},
    {"large_both", [](Filling& f) { scale(f.x, f.reach.large), scale(f.w, f.reach.large); }},
    {"small_x", [](Filling& f) { scale(f.x, f.reach.small); }},
    {"small_weight", [](Filling& f) { scale(f.w, f.reach.small); }},
    {"small_both", [](Filling& f) { scale(f.x, f.reach.small), scale(f.w, f.reach.small); }},
    {"denormal_x", [](Filling& f) { scale(f.x, f.reach.denormal); }},
    {"denormal_weight", [](Filling& f) { scale(f.w, f.reach.denormal); }},
    {"denormal_both", [](Filling& f) { scale(f.x, f.reach.denormal), scale(f.w, f.reach.denormal); }},
    {"largest_x", [](Filling& f) { scale_to_largest(f.x, f.reach.largest), scale(f.w, f.reach.small); }},
    {"largest_weight", [](Filling& f) { scale_to_largest(f.w, f.reach.largest), scale(f.x, f.reach.small); }},
    {"largest_x_mixed_weight",
     [](Filling& f) {
       scale_to_largest(f.x, f.reach.largest);
       for (float& value : f.w)
         value *= f.power_of_ten() * 1e-9f;
     }},
    {"mixed_x",
     [](Filling& f) {
       for (float& value : f.x)
         value *= f.power_of_ten();
     }},
    {"mixed_weight",
     [](Filling& f) {
       for (float& value : f.w)
         value *= f.power_of_ten();
     }},
    {"mixed_both",
     [](Filling& f) {
       for (float& value : f.x)
         value *= f.power_of_ten();
       for (float& value : f.w)
         value *= f.power_of_ten();
     }},
    {"channels_that_compensate",  // x is large where the weight is small
     [](Filling& f) {
       const std::vector<int> exponents = f.random_exponents(f.p.ci);
       const auto pixels = static_cast<std::size_t>(f.p.ih * f.p.iw);
       for (std::size_t i = 0; i < f.x.size(); ++i)
         f.x[i] = std::ldexp(f.x[i], exponents[i / pixels % exponents.size()]);
       for (std::size_t i = 0; i < f.w.size(); ++i)
         f.w[i] = std::ldexp(f.w[i], -exponents[f.input_channel(i)]);
     }},
    {"output_channels_of_all_sizes",
     [](Filling& f) {
       const std::vector<int> exponents = f.random_exponents(f.p.co);
       for (std::size_t i = 0; i < f.w.size(); ++i)
         f.w[i] = std::ldexp(f.w[i], exponents[f.output_channel(i)]);
     }},
    {"pairs_that_cancel",  // of channels, but for a thousandth
     [](Filling& f) {
       const auto pixels = static_cast<std::size_t>(f.p.ih * f.p.iw);
       const auto channels = static_cast<std::size_t>(f.p.ci);
       for (std::size_t i = pixels; i < f.x.size(); ++i) {
         if (i / pixels % channels % 2 == 1) f.x[i] = f.x[i - pixels] + 1e-3f * f.x[i];
       }
       const auto step =
           static_cast<std::size_t>(f.p.kh * f.p.kw * (f.p.transposed ? f.p.co_per_group() : 1));
       for (std::size_t i = step; i < f.w.size(); ++i) {
         if (f.input_channel(i) % 2 == 1) f.w[i] = -f.w[i - step] + 1e-3f * f.w[i];
       }
     }},
    {"large_constant",
     [](Filling& f) {
       for (float& value : f.x)
         value += f.reach.offset;
     }},
    {"sparse", [](Filling& f) { thin_out(f.x, 10, f.random), thin_out(f.w, 2, f.random); }},
    {"few_products", [](Filling& f) { thin_out(f.x, 100, f.random); }},
    {"outlier_in_x",
     [](Filling& f) {
       scale(f.x, f.reach.beside_outlier);
       f.x[f.x.size() / 2 + 5] = f.reach.outlier;
     },
     10.0},
    {"extreme_outlier_in_x",
     [](Filling& f) {
       scale(f.x, f.reach.beside_outlier);
       f.x[f.x.size() / 2 + 5] = -f.reach.extreme;
     },
     10.0},
    {"outlier_in_weight",
     [](Filling& f) {
       scale(f.w, f.reach.beside_outlier);
       f.w[f.w.size() / 2 + 3] = f.reach.outlier;
     },
     10.0},
};

}  // namespace

std::span<const Range> ranges() {
  return kRanges;
}

std::vector<kernels::ConvProblem> range_problems() {
  std::vector<kernels::ConvProblem> problems;
  for (const char* text : {"n1ci32ih6iw136co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                           "n2ci20ih9iw72co12kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
                           "n1ci64ih8iw64co24kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
                           "n1ci16ih5iw140co16kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
                           "n1ci24ih4iw244co16kh1kw7_s1x1_p0x3_op0x0_d1x1_g1_f32",
                           "n1ci20ih4iw128co32kh1kw3_s1x1_p0x1_zeros_d1x1_g1_f32",
                           "n1ci24ih12iw37co16kh5kw5_s1x1_p2x2_op0x0_d1x1_g2_f32",
                           "n1ci16ih11iw40co16kh7kw7_s1x1_p3x3_op0x0_d1x1_g1_f32",
                           "n1ci18ih9iw36co9kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32"}) {
    problems.push_back(kernels::ConvProblem::parse(text));
  }
  return problems;
}

Tensor normal_operand(const Shape& shape, Random& random) {
  return random_tensor(shape, DType::f32, Values::normal, random);
}

GpuConvolution::Host filled(const kernels::ConvProblem& p, const Range& range, Random& random) {
  Tensor x = normal_operand(p.x_shape(), random), w = normal_operand(p.weight_shape(), random);
  Filling filling{p, reach_of(p.dtype), random, x.data<float>(), w.data<float>()};
  range.fill(filling);
  return {.x = x.to(p.dtype), .weight = w.to(p.dtype)};
}

}  // namespace upconv::test
