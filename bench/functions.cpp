#include "functions.h"

namespace upconv::bench {

namespace {

using In = std::span<const Value>;

const Shape kImages = {8, 32, 256, 256};
const Shape kLarge = {8, 32, 512, 512};

std::vector<FunctionCase> pointwise_cases() {
  return {
      {"relu", {kImages}, [](In x) { return relu(x[0]); }},
      {"sigmoid", {kImages}, [](In x) { return sigmoid(x[0]); }},
      {"tanh", {kImages}, [](In x) { return tanh(x[0]); }},
      {"x_times_2_plus_1", {kImages}, [](In x) { return x[0] * 2.0 + 1.0; }},
      {"add", {kImages, kImages}, [](In x) { return x[0] + x[1]; }},
      {"add_relu", {kImages, kImages}, [](In x) { return relu(x[0] + x[1]); }},
      {"mul", {kImages, kImages}, [](In x) { return x[0] * x[1]; }},
      {"mul_n_c_1_1", {kImages, {8, 32, 1, 1}}, [](In x) { return x[0] * x[1]; }},
      {"mul_1_1_h_w", {kImages, {1, 1, 256, 256}}, [](In x) { return x[0] * x[1]; }},
      {"maximum", {kImages, kImages}, [](In x) { return maximum(x[0], x[1]); }},
  };
}

std::vector<FunctionCase> movement_cases() {
  return {
      {"cat",
       {kImages, kImages},
       [](In x) {
         return cat({x[0], x[1]}, 1);
       }},
      {"stack",
       {kImages, kImages},
       [](In x) {
         return stack({x[0], x[1]}, 2);
       }},
      {"slice_channels", {kImages}, [](In x) { return slice(x[0], 1, 8, 24); }},
      {"crop", {kImages}, [](In x) { return slice(slice(x[0], 2, 4, -4), 3, 4, -4); }},
      {"permute_to_nhwc",
       {kImages},
       [](In x) {
         return permute(x[0], {0, 2, 3, 1});
       }},
      {"permute_to_nchw",
       {{8, 256, 256, 32}},
       [](In x) {
         return permute(x[0], {0, 3, 1, 2});
       }},
      {"transpose_h_w", {kImages}, [](In x) { return transpose(x[0], 2, 3); }},
      {"flip_w", {kImages}, [](In x) { return flip(x[0], {3}); }},
      {"roll",
       {kImages},
       [](In x) {
         return roll(x[0], {3, 5}, {2, 3});
       }},
      {"repeat",
       {{8, 32, 128, 128}},
       [](In x) {
         return repeat(x[0], {1, 1, 2, 2});
       }},
      {"pixel_shuffle", {{8, 32, 256, 256}}, [](In x) { return pixel_shuffle(x[0], 2); }},
      {"pixel_unshuffle", {kImages}, [](In x) { return pixel_unshuffle(x[0], 2); }},
      {"channel_shuffle", {kImages}, [](In x) { return channel_shuffle(x[0], 4); }},
  };
}

std::vector<FunctionCase> pooling_cases() {
  return {
      {"max_pool2d_2", {kLarge}, [](In x) { return max_pool2d(x[0], {.kernel_size = 2}); }},
      {"max_pool2d_3_s2",
       {kLarge},
       [](In x) { return max_pool2d(x[0], {.kernel_size = 3, .stride = 2, .padding = 1}); }},
      {"max_pool2d_5_s1",
       {kImages},
       [](In x) { return max_pool2d(x[0], {.kernel_size = 5, .stride = 1, .padding = 2}); }},
      {"avg_pool2d_2", {kLarge}, [](In x) { return avg_pool2d(x[0], {.kernel_size = 2}); }},
      {"global_mean", {kLarge}, [](In x) { return adaptive_avg_pool2d(x[0], {}); }},
      {"adaptive_avg_pool2d_7",
       {kLarge},
       [](In x) { return adaptive_avg_pool2d(x[0], {.output_height = 7, .output_width = 7}); }},
  };
}

std::vector<FunctionCase> padding_cases() {
  const auto padded = [](Sizes amounts, PadMode mode) {
    return [amounts, mode](In x) { return pad(x[0], amounts, mode); };
  };
  return {
      {"pad_constant_1", {kImages}, padded({1, 1, 1, 1}, PadMode::constant)},
      {"pad_constant_4", {kImages}, padded({4, 4, 4, 4}, PadMode::constant)},
      {"pad_reflect_1", {kImages}, padded({1, 1, 1, 1}, PadMode::reflect)},
      {"pad_reflect_3", {kImages}, padded({3, 3, 3, 3}, PadMode::reflect)},
      {"pad_replicate_1", {kImages}, padded({1, 1, 1, 1}, PadMode::replicate)},
      {"pad_circular_2", {kImages}, padded({2, 2, 2, 2}, PadMode::circular)},
  };
}

std::vector<FunctionCase> resizing_cases() {
  const auto resize = [](InterpolateOptions options) {
    return [options](In x) { return interpolate(x[0], options); };
  };
  return {
      {"nearest_x2", {kImages}, resize({.scale_factor = 2.0})},
      {"bilinear_x2", {kImages}, resize({.scale_factor = 2.0, .mode = InterpolateMode::bilinear})},
      {"bilinear_x2_corners",
       {kImages},
       resize({.scale_factor = 2.0, .mode = InterpolateMode::bilinear, .align_corners = true})},
      {"bicubic_x2", {kImages}, resize({.scale_factor = 2.0, .mode = InterpolateMode::bicubic})},
      {"bilinear_half", {kLarge}, resize({.scale_factor = 0.5, .mode = InterpolateMode::bilinear})},
      {"bilinear_half_antialias",
       {kLarge},
       resize({.scale_factor = 0.5, .mode = InterpolateMode::bilinear, .antialias = true})},
  };
}

}  // namespace

std::vector<FunctionCase> function_cases() {
  std::vector<FunctionCase> all;
  for (auto& cases :
       {pointwise_cases(), movement_cases(), pooling_cases(), padding_cases(), resizing_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

}  // namespace upconv::bench
