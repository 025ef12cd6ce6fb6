#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/framework/function_network.h>
#include <upconv/upconv.h>

// Calls that PyTorch refuses are refused here, in its words: tests/golden/errors.tsv holds, for each, the key
// phrase of the message that PyTorch gave.

namespace upconv::testing {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

enum class Kind { argument, shape };

struct Refusal {
  Kind kind;
  std::function<void()> call;
};

TensorSpec spec(const Shape& shape) {
  return {.shape = shape};
}

void deconv(const ConvTranspose2dOptions& options, const Shape& x) {
  ConvTranspose2d(options).output_spec(spec(x));
}
void conv(const Conv2dOptions& options, const Shape& x) {
  Conv2d(options).output_spec(spec(x));
}

void padded(const Shape& x, const Sizes& amounts, PadMode mode = PadMode::constant, double value = 0,
            DType dtype = DType::f32) {
  const test_network::FunctionNetwork net(
      [&](std::span<const Value> in) { return Values{pad(in[0], amounts, mode, value)}; });
  net.output_spec({x, dtype, Device::cpu()});
}

void deconv_to_size(Size2d size) {
  ConvTranspose2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 2});
  ExecutionContext ctx;
  layer.initialize();
  layer.prepare(ctx);
  layer.forward_to_size(Tensor::zeros({1, 1, 4, 5}), size, ctx);
}

void upsample(const UpsampleOptions& options, const Shape& x) {
  Upsample(options).output_spec(spec(x));
}

void interpolate_antialiased_nearest() {
  const test_network::FunctionNetwork net(
      [](std::span<const Value> x) { return Values{interpolate(x[0], {.size = 2, .antialias = true})}; });
  net.output_spec(spec({1, 1, 2, 2}));
}

/// Records `function` of a value of this shape.
void record(const Shape& x, const std::function<Value(const Value&)>& function) {
  const test_network::FunctionNetwork net(
      [&](std::span<const Value> inputs) { return Values{function(inputs[0])}; });
  net.output_spec(spec(x));
}

const std::map<std::string, Refusal>& refusals() {
  static const std::map<std::string, Refusal> kRefusals = {
      {"conv_transpose2d_groups_in",
       {Kind::argument,
        [] { ConvTranspose2d({.in_channels = 3, .out_channels = 4, .kernel_size = 2, .groups = 2}); }}},
      {"conv_transpose2d_groups_out",
       {Kind::argument,
        [] { ConvTranspose2d({.in_channels = 4, .out_channels = 3, .kernel_size = 2, .groups = 2}); }}},
      {"conv_transpose2d_rank",
       {Kind::shape,
        [] {
          deconv({.in_channels = 3, .out_channels = 4, .kernel_size = 2}, {3, 4});
        }}},
      {"conv_transpose2d_channels",
       {Kind::shape,
        [] {
          deconv({.in_channels = 4, .out_channels = 2, .kernel_size = 3}, {1, 3, 5, 6});
        }}},
      {"conv_transpose2d_too_small",
       {Kind::shape,
        [] {
          deconv({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = 3}, {1, 1, 3, 3});
        }}},
      {"conv_transpose2d_output_padding",
       {Kind::argument,
        [] {
          ConvTranspose2d(
              {.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 2, .output_padding = 2});
        }}},
      {"conv_transpose2d_padding_mode",
       {Kind::argument,
        [] { kernels::validate_layer({.transposed = true, .padding_mode = PaddingMode::reflect}); }}},
      {"conv_transpose2d_output_size",
       {Kind::shape,
        [] {
          deconv_to_size({11, 11});
        }}},
      {"conv_transpose2d_output_size_range",
       {Kind::shape,
        [] {
          deconv_to_size({8, 11});
        }}},
      {"conv_transpose2d_empty_image",
       {Kind::shape,
        [] {
          deconv({.in_channels = 1, .out_channels = 1, .kernel_size = 3}, {1, 1, 4, 0});
        }}},
      {"conv2d_rank",
       {Kind::shape, [] { conv({.in_channels = 3, .out_channels = 4, .kernel_size = 2}, {3}); }}},
      {"conv2d_channels",
       {Kind::shape,
        [] {
          conv({.in_channels = 4, .out_channels = 2, .kernel_size = 3}, {3, 5, 6});
        }}},
      {"conv2d_kernel_size",
       {Kind::shape,
        [] {
          conv({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .dilation = {2, 1}}, {1, 1, 3, 4});
        }}},
      {"conv2d_reflect",
       {Kind::shape,
        [] {
          conv({.in_channels = 1,
                .out_channels = 1,
                .kernel_size = 3,
                .padding = 3,
                .padding_mode = PaddingMode::reflect},
               {1, 1, 3, 5});
        }}},
      {"conv2d_groups",
       {Kind::argument,
        [] { Conv2d({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 3}); }}},
      {"conv2d_stride",
       {Kind::argument,
        [] { Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 0}); }}},
      {"conv2d_padding",
       {Kind::argument,
        [] { Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = -1}); }}},
      {"conv2d_empty_image",
       {Kind::shape,
        [] {
          conv({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = 2}, {1, 1, 0, 5});
        }}},
      {"pad_odd",
       {Kind::argument,
        [] {
          padded({2, 3}, {1, 2, 3});
        }}},
      {"pad_too_long",
       {Kind::shape,
        [] {
          padded({2, 3}, {1, 1, 1, 1, 1, 1});
        }}},
      {"pad_value",
       {Kind::argument,
        [] {
          padded({2, 3}, {1, 1}, PadMode::reflect, 2.0);
        }}},
      {"pad_value_overflow",
       {Kind::argument,
        [] {
          padded({2, 3}, {1, 1}, PadMode::constant, 1e6, DType::f16);
        }}},
      {"pad_dimensions",
       {Kind::shape,
        [] {
          padded({2, 3, 4, 5}, {1, 1}, PadMode::replicate);
        }}},
      {"pad_reflect",
       {Kind::shape,
        [] {
          padded({2, 3, 4}, {5, 1, 1, 1}, PadMode::reflect);
        }}},
      {"pad_reflect_rows",
       {Kind::shape,
        [] {
          ReflectionPad2d({.padding = {1, 1, 1, 3}}).output_spec(spec({2, 3, 4}));
        }}},
      {"pad_reflect_nothing",
       {Kind::shape,
        [] {
          ReflectionPad1d({.padding = {-3, -2}}).output_spec(spec({2, 3, 5}));
        }}},
      {"pad_replicate_nothing",
       {Kind::shape,
        [] {
          ReplicationPad2d({.padding = {-3, -3, 1, 1}}).output_spec(spec({2, 3, 5, 5}));
        }}},
      {"pad_replicate_empty",
       {Kind::shape,
        [] {
          ReplicationPad2d({.padding = 1}).output_spec(spec({2, 3, 0, 5}));
        }}},
      {"pad_circular",
       {Kind::shape,
        [] {
          padded({2, 3, 4}, {5, 1}, PadMode::circular);
        }}},
      {"pad_circular_nothing",
       {Kind::shape,
        [] {
          padded({2, 3, 4}, {-3, -2}, PadMode::circular);
        }}},
      {"pad_circular_rank",
       {Kind::shape,
        [] {
          CircularPad2d({.padding = 1}).output_spec(spec({2, 3}));
        }}},
      {"linear_features",
       {Kind::shape,
        [] {
          Linear({.in_features = 5, .out_features = 7}).output_spec(spec({2, 3, 4}));
        }}},
      {"batch_norm2d_rank",
       {Kind::shape,
        [] {
          BatchNorm2d({.num_features = 3}).output_spec(spec({3, 4, 5}));
        }}},
      {"batch_norm2d_channels",
       {Kind::shape,
        [] {
          BatchNorm2d({.num_features = 3}).output_spec(spec({2, 4, 5, 5}));
        }}},
      {"prelu_channels",
       {Kind::shape,
        [] {
          PReLU({.num_parameters = 3}).output_spec(spec({2, 4, 5, 5}));
        }}},
      {"prelu_unbatched",
       {Kind::shape,
        [] {
          PReLU({.num_parameters = 3}).output_spec(spec({3, 5, 5}));
        }}},
      {"celu_alpha", {Kind::argument, [] { CELU({.alpha = 0.0}); }}},
      {"rrelu_bounds", {Kind::argument, [] { RReLU({.lower = 0.5, .upper = 0.1}); }}},
      {"clamp_nothing",
       {Kind::argument, [] { record({2}, [](const Value& x) { return clamp(x, std::nullopt); }); }}},
      {"glu_odd",
       {Kind::shape,
        [] {
          GLU().output_spec(spec({2, 3}));
        }}},
      {"glu_scalar", {Kind::shape, [] { GLU().output_spec(spec({})); }}},
      {"upsample_no_size",
       {Kind::argument,
        [] {
          upsample({}, {1, 1, 2, 2});
        }}},
      {"upsample_size_and_scale",
       {Kind::argument,
        [] {
          upsample({.size = 2, .scale_factor = 2}, {1, 1, 2, 2});
        }}},
      {"upsample_align_corners",
       {Kind::argument,
        [] {
          upsample({.size = 2, .align_corners = false}, {1, 1, 2, 2});
        }}},
      {"upsample_recompute",
       {Kind::argument,
        [] {
          upsample({.size = 2, .recompute_scale_factor = true}, {1, 1, 2, 2});
        }}},
      {"upsample_linear",
       {Kind::argument,
        [] {
          upsample({.size = 2, .mode = InterpolateMode::linear}, {1, 1, 2, 2});
        }}},
      {"upsample_trilinear",
       {Kind::argument,
        [] {
          upsample({.size = 2, .mode = InterpolateMode::trilinear}, {1, 1, 2, 2});
        }}},
      {"upsample_unbatched",
       {Kind::shape,
        [] {
          UpsamplingBilinear2d({.size = 2}).output_spec(spec({1, 2, 2}));
        }}},
      {"upsample_too_small",
       {Kind::shape,
        [] {
          upsample({.scale_factor = 0.26, .mode = InterpolateMode::bicubic}, {1, 1, 3, 4});
        }}},
      {"upsample_no_channels",
       {Kind::shape,
        [] {
          UpsamplingNearest2d({.scale_factor = 2}).output_spec(spec({1, 0, 3, 4}));
        }}},
      {"interpolate_antialias", {Kind::argument, [] { interpolate_antialiased_nearest(); }}},
  };
  return kRefusals;
}

struct Expected {
  std::string name, phrase;
};

std::vector<Expected> expected() {
  std::ifstream file(std::string(UPCONV_GOLDEN_DIR) + "/errors.tsv");
  std::vector<Expected> result;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    result.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1)});
  }
  return result;
}

/// PyTorch separates sizes by ", ", upconv by ",".
std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

TEST(Errors, AreThoseOfPyTorch) {
  const std::vector<Expected> table = expected();
  EXPECT_EQ(table.size(), refusals().size());
  for (const auto& [name, phrase] : table) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(refusals().contains(name));
    const Refusal& refusal = refusals().at(name);
    std::string text = "(nothing was thrown)";
    try {
      refusal.call();
    } catch (const ShapeError& error) {
      EXPECT_EQ(refusal.kind, Kind::shape);
      text = error.what();
    } catch (const ArgumentError& error) {
      EXPECT_EQ(refusal.kind, Kind::argument);
      text = error.what();
    }
    EXPECT_THAT(without_spaces(text), HasSubstr(without_spaces(phrase)));
  }
}

template <class Thrown>
std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Thrown& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

TEST(Errors, NameTheLayerByItsPath) {
  Sequential inner, net;
  inner.append("up", ConvTranspose2d({.in_channels = 4, .out_channels = 2, .kernel_size = 3}));
  net.append("decoder", std::move(inner));
  EXPECT_EQ(
      text_of<ShapeError>([&] {
        net.output_spec(spec({1, 3, 5, 6}));
      }),
      "ConvTranspose2d 'decoder.up': Given transposed=1, weight of size [4,2,3,3], expected input[1,3,5,6] "
      "to have 4 channels, but got 3 channels instead\n"
      "  in Sequential 'decoder'\n"
      "  in Sequential\n"
      "  operand 0: f32[1,3,5,6] on cpu, from input 0");
}

TEST(Errors, OptionsThatCannotWork) {
  EXPECT_THAT(text_of<ArgumentError>([] { Conv2d({.out_channels = 1, .kernel_size = 1}); }),
              HasSubstr("Conv2d: in_channels must be from 1"));
  EXPECT_THAT(text_of<ArgumentError>([] { ConvTranspose2d({.in_channels = 1, .out_channels = 1}); }),
              HasSubstr("ConvTranspose2d: kernel_size height must be from 1"));
  EXPECT_THAT(text_of<ArgumentError>([] { Linear({.in_features = 3}); }), HasSubstr("out_features"));
  EXPECT_THAT(text_of<ArgumentError>([] { BatchNorm2d({}); }), HasSubstr("num_features must be positive"));
  EXPECT_THAT(text_of<ArgumentError>([] { BatchNorm2d({.num_features = 1, .track_running_stats = false}); }),
              HasSubstr("track_running_stats must be true"));
  EXPECT_THAT(text_of<ArgumentError>([] { PReLU({.num_parameters = 0}); }), HasSubstr("num_parameters"));
  EXPECT_THAT(text_of<ArgumentError>([] {
                Conv2d({.in_channels = 1, .out_channels = 1, .kernel_size = std::int64_t{1} << 40});
              }),
              HasSubstr("2147483647"));
}

TEST(Errors, SizesThatOverflowAreShapeErrors) {
  const ConvTranspose2d side({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 1 << 30});
  EXPECT_THROW(side.output_spec(spec({1, 1, 1 << 20, 1 << 20})), ShapeError);  // a side beyond 2^31
  const ConvTranspose2d area({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 1 << 15});
  EXPECT_THROW(area.output_spec(spec({1 << 10, 1, 1 << 15, 1 << 15})), ShapeError);  // 2^70 elements
}

TEST(Errors, SayWhatAnImageLooksLike) {
  const auto conv_text = [](std::int64_t channels, const Shape& x) {
    return text_of<ShapeError>(
        [&] { conv({.in_channels = channels, .out_channels = 1, .kernel_size = 1}, x); });
  };
  const auto norm_text = [](std::int64_t channels, const Shape& x) {
    return text_of<ShapeError>([&] { BatchNorm2d({.num_features = channels}).output_spec(spec(x)); });
  };
  EXPECT_THAT(conv_text(3, {1, 8, 9, 3}),
              HasSubstr(": its last dimension is 3: is it [N,H,W,C]? Images are [N,C,H,W] here"));
  EXPECT_THAT(conv_text(3, {8, 9, 3}), HasSubstr("is it [H,W,C]?"));
  EXPECT_THAT(norm_text(3, {1, 8, 9, 3}), HasSubstr("is it [N,H,W,C]?"));
  EXPECT_THAT(conv_text(1, {5, 8, 9}), HasSubstr("a batch of images with one channel is [N,1,H,W]"));
  EXPECT_THAT(conv_text(1, {8, 9}),
              HasSubstr("the batch and channel dimensions are missing: x.view().reshape({1, 1, 8, 9})"));
  EXPECT_THAT(conv_text(3, {8, 9}), HasSubstr("an image of 3 channels is [N,C,H,W]"));
  EXPECT_THAT(norm_text(3, {3, 8, 9}),
              HasSubstr("the batch dimension is missing: x.view().reshape({1, 3, 8, 9})"));
  EXPECT_THAT(conv_text(3, {1, 2, 8, 9}), ::testing::EndsWith("but got 2 channels instead"));
  EXPECT_THAT(
      conv_text(1, {1, 1, 0, 9}),
      HasSubstr("an image needs at least one pixel, and only the batch may be 0, but got input shape"));
}

TEST(Errors, OfPadNameTheCall) {
  EXPECT_THAT(text_of<ShapeError>([] {
                padded({2, 3, 4}, {-2, -3});
              }),
              AllOf(HasSubstr("pad: The input size 4, plus negative padding -2 and -3 resulted in a negative "
                              "output size, which is invalid. Check dimension 2 of your input."),
                    HasSubstr("error_test.cpp:"), HasSubstr("operand 0: f32[2,3,4] on cpu, from input 0")));
  EXPECT_THAT(text_of<ShapeError>([] {  // what is left does not suffice, though the whole would
                padded({2, 3, 4}, {3, -2}, PadMode::circular);
              }),
              HasSubstr("Padding value causes wrapping around more than once."));
  EXPECT_THAT(text_of<ArgumentError>([] {
                padded({2, 3}, {std::int64_t{1} << 62, 0});
              }),
              HasSubstr("is out of range"));
  EXPECT_THROW(padded({2, 3}, {std::int64_t{1} << 59, 0, std::int64_t{1} << 59, 0}), ShapeError);
  EXPECT_THAT(text_of<ArgumentError>([] {
                padded({2, 3}, {1, 1}, PadMode::constant, std::nan(""), DType::i64);
              }),
              HasSubstr("pad: value nan does not fit i64"));
  EXPECT_THAT(text_of<ArgumentError>([] {
                padded({2, 3}, {1, 1}, static_cast<PadMode>(9));
              }),
              HasSubstr("PadMode(9) is no mode"));
}

TEST(Errors, LinearNeedsADimension) {
  const Linear layer({.in_features = 3, .out_features = 2});
  EXPECT_THAT(text_of<ShapeError>([&] { layer.output_spec(spec({})); }), HasSubstr("at least one dimension"));
  EXPECT_THROW(layer.output_spec(spec({4, 0})), ShapeError);
}

TEST(Errors, DTypesMustMatch) {
  const Conv2d layer({.in_channels = 1, .out_channels = 1, .kernel_size = 1});
  EXPECT_THAT(text_of<DTypeError>([&] {
                layer.output_spec({{1, 1, 2, 2}, DType::f16, Device::cpu()});
              }),
              HasSubstr("input is f16 but the parameters are f32"));
  EXPECT_THAT(text_of<DTypeError>([] {
                ReLU().output_spec({{2}, DType::i64, Device::cpu()});
              }),
              HasSubstr("input must be f32, f16 or bf16, got i64"));
  EXPECT_THAT(text_of<DTypeError>([] {
                ReLU().output_spec({{2}, DType::f64, Device::cpu()});
              }),
              HasSubstr("got f64: convert it, with x.to(DType::f32)"));
  Linear linear({.in_features = 1, .out_features = 1});
  EXPECT_THROW(linear.to(DType::i64), DTypeError);
  EXPECT_THROW(linear.to(DType::f64), DTypeError);
}

/// In the words of PyTorch 2: version 1.13, which wrote the file, has others or none.
TEST(RefusedCalls, OfActivationsAreRefusedInPyTorch2sWords) {
  const auto refuses = [](const char* words, const std::function<void()>& call) {
    try {
      call();
      ADD_FAILURE() << "accepted: " << words;
    } catch (const ArgumentError& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto function = [](const std::function<Value(const Value&)>& called) {
    return [called] { record({2}, called); };
  };
  refuses("max_val (1) must be greater than min_val (2)", [] { Hardtanh({.min_val = 2, .max_val = 1}); });
  refuses("max_val (1) must be greater than min_val (1)", [] { Hardtanh({.min_val = 1, .max_val = 1}); });
  refuses("min_val cannot be greater than max_val",
          function([](const Value& x) { return hardtanh(x, 2, 1); }));
  refuses("lambda must be in range [0, 3.40282e+38], but found -1", [] { Softshrink({.lambd = -1}); });
  refuses("softshrink: lambda must be in range",
          function([](const Value& x) { return softshrink(x, kNan); }));
  refuses("celu: alpha cannot be 0", function([](const Value& x) { return celu(x, 0); }));
  refuses("rrelu: Lower bound should be", function([](const Value& x) { return rrelu(x, 2, 1); }));
  refuses("clamp: min and max must be numbers", function([](const Value& x) { return clamp(x, kNan); }));
}

}  // namespace

}  // namespace upconv::testing
