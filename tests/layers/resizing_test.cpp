#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/tests/framework/function_network.h>
#include <upconv/tests/layers/values.h>
#include <upconv/upconv.h>

namespace upconv::testing {

namespace {

using ::testing::HasSubstr;

std::int64_t width_of(std::int64_t width, double scale) {
  return Upsample({.scale_factor = {{1.0, scale}}}).output_spec({.shape = {1, 1, 1, width}}).shape[3];
}

// What PyTorch 1.13 and 2 return: a product in double, rounded down.
TEST(Resizing, RoundsSizesAsPyTorchDoes) {
  EXPECT_EQ(width_of(98, 1.0 / 49), 1);  // 1.9999999999999998
  EXPECT_EQ(width_of(100, 0.29), 28);    // 28.999999999999996
  EXPECT_EQ(width_of(10, 0.7), 7);
  EXPECT_EQ(width_of(10, 1.1), 11);
  EXPECT_EQ(width_of(3, 2.34), 7);
  EXPECT_EQ(width_of(1, 1.999), 1);
  EXPECT_EQ(width_of(35, 0.6), 21);
  EXPECT_EQ(width_of(29, 2.0), 58);
}

template <class Thrown>
std::string text_of(const UpsampleOptions& options, const Shape& x, DType dtype = DType::f32) {
  try {
    Upsample(options).output_spec({.shape = x, .dtype = dtype});
  } catch (const Thrown& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

TEST(Resizing, ErrorsSayWhatToChange) {
  EXPECT_THAT(text_of<ShapeError>({.scale_factor = 2}, {3, 4, 5}),
              HasSubstr("interpolate: Got 3D input, but nearest mode needs 4D input: images are [N,C,H,W]"));
  EXPECT_THAT(text_of<ShapeError>({.scale_factor = 2, .mode = InterpolateMode::area}, {4, 5}),
              HasSubstr("Got 2D input, but area mode needs 4D input"));
  EXPECT_THAT(text_of<ArgumentError>({.size = 2, .mode = InterpolateMode::linear}, {1, 1, 4, 5}),
              HasSubstr("mode = linear: Got 4D input, but linear mode needs 3D input: images take nearest"));
  for (const double scale : {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(text_of<ShapeError>({.scale_factor = scale}, {1, 1, 4, 5}),
                HasSubstr("greater than 0, but got input (H: 4, W: 5) output (H: 0, W: 0)"));
  }
  EXPECT_THAT(text_of<ShapeError>({.scale_factor = std::numeric_limits<double>::infinity()}, {1, 1, 4, 5}),
              HasSubstr("scale_factor of inf is too large"));
  EXPECT_THAT(text_of<ShapeError>({.size = {{3, -2}}}, {1, 1, 4, 5}), HasSubstr("output (H: 3, W: -2)"));
  EXPECT_THAT(text_of<DTypeError>({.scale_factor = 2}, {1, 1, 4, 5}, DType::i64),
              HasSubstr("input must be f32, f16 or bf16, got i64"));
}

TEST(Resizing, AreaIsAnAdaptiveMean) {
  const test_network::FunctionNetwork by_area([](std::span<const Value> x) {
    return Values{interpolate(x[0], {.scale_factor = 0.4, .mode = InterpolateMode::area})};
  });
  const TensorSpec x{.shape = {2, 3, 10, 21}};
  EXPECT_EQ(by_area.output_spec(x).shape, Shape({2, 3, 4, 8}));
  EXPECT_THAT(by_area.explain(x, ExecutionContext()), HasSubstr("adaptive_avg_pool2d"));
}

TEST(Resizing, StandsInAPlanWithItsKernel) {
  Sequential net;
  net.append(Upsample({.scale_factor = 2, .mode = InterpolateMode::bilinear}));
  const std::string text = net.explain({.shape = {1, 3, 4, 5}}, ExecutionContext());
  EXPECT_THAT(text, HasSubstr("f32[1,3,8,10]"));
  EXPECT_THAT(text, HasSubstr("interpolate"));
  EXPECT_THAT(text, HasSubstr("cpu.simd"));
}

TEST(Resizing, AnEmptyBatchGivesAnEmptyBatch) {
  Upsample layer({.scale_factor = 3, .mode = InterpolateMode::bicubic});
  ExecutionContext ctx;
  layer.prepare(ctx);
  EXPECT_EQ(layer.forward(Tensor::zeros({0, 2, 3, 4}), ctx).shape(), Shape({0, 2, 9, 12}));
}

}  // namespace

}  // namespace upconv::testing
