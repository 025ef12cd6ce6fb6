#include <cmath>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include <upconv/kernels/binary.h>
#include <upconv/kernels/pool2d.h>
#include <upconv/kernels/resize2d.h>
#include <upconv/tests/framework/function_network.h>
#include <upconv/tests/layers/golden.h>

// Arithmetic, pooling and resizing as PyTorch's: every row of every device's tables, each type.

namespace upconv::testing {

namespace {

std::string target_name(const ::testing::TestParamInfo<Target>& instance) {
  return instance.param.test_name();
}

std::string function_of(const GoldenCase& one) {
  return one.name.substr(0, one.name.find_last_of('_'));
}

/// Runs `function` of the inputs, in `dtype`, on the target; nothing if the forced row does not fit.
std::optional<Tensor> run(const std::vector<const Tensor*>& inputs, DType dtype, const std::string& op,
                          const Target& target,
                          const std::function<Value(std::span<const Value>)>& function) {
  test_network::FunctionNetwork net([&](std::span<const Value> x) { return Values{function(x)}; });
  ExecutionContext ctx = context_for(op, target);
  net.prepare(ctx);
  std::vector<Tensor> tensors;
  std::vector<ConstTensorView> views;
  for (const Tensor* input : inputs) {
    tensors.push_back(input->to(dtype).to(target.device));
    views.push_back(tensors.back());
  }
  try {
    const std::vector<Tensor> outputs = net(views, ctx);
    return outputs[0].to(Device::cpu());
  } catch (const ArgumentError&) {
    if (!target.row.empty()) return std::nullopt;
    throw;
  }
}

class GoldenArithmetic : public GoldenTest<Target> {};

Value apply(const std::string& function, const Operand& a, const Operand& b) {
  if (function == "add") return a + b;
  if (function == "sub") return a - b;
  if (function == "mul") return a * b;
  if (function == "div") return a / b;
  if (function == "maximum") return maximum(a, b);
  if (function == "minimum") return minimum(a, b);
  throw ArgumentError("no such function: " + function);
}

TEST_P(GoldenArithmetic, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("arithmetic.h5");
  EXPECT_GE(cases.size(), 100u);
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const Tensor &a = one.at("a"), &b = one.at("b");
    const bool a_is_number = a.dtype() == DType::f64, b_is_number = b.dtype() == DType::f64;
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      std::vector<const Tensor*> inputs;
      if (!a_is_number) inputs.push_back(&a);
      if (!b_is_number) inputs.push_back(&b);
      const std::optional<Tensor> y = run(inputs, dtype, "binary", GetParam(), [&](std::span<const Value> x) {
        const Operand left = a_is_number ? Operand(a.data<double>()[0]) : Operand(x[0]);
        const Operand right = b_is_number ? Operand(b.data<double>()[0]) : Operand(x[x.size() - 1]);
        return apply(function_of(one), left, right);
      });
      // Operands are exact in every type, so a result is PyTorch's f32 one, rounded.
      ASSERT_TRUE(y.has_value());
      const double unit = dtype == DType::f32 ? 0.0 : epsilon_of(dtype);
      EXPECT_TRUE(near(*y, one.at("y").to(dtype), [&](std::size_t, double wanted) {
        return function_of(one) == "div" ? unit * std::abs(wanted)
                                         : 0.0;  // a quotient is rounded twice in the file
      }));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenArithmetic, ::testing::ValuesIn(targets(kernels::binary_rows)), target_name);

class GoldenPooling : public GoldenTest<Target> {};

Size2d size_of_option(const GoldenCase& one, const std::string& key, Size2d otherwise) {
  if (!one.has(key)) return otherwise;
  const auto values = one.at(key).data<std::int64_t>();
  return {values[0], values.back()};
}

bool flag_of(const GoldenCase& one, const std::string& key) {
  return one.has(key) && one.at(key).data<std::int64_t>()[0] != 0;
}

Value pool(const GoldenCase& one, const Value& x) {
  const std::string function = function_of(one);
  const Size2d kernel = size_of_option(one, "kernel_size", 1), stride = size_of_option(one, "stride", 1);
  const Size2d padding = size_of_option(one, "padding", 0);
  if (function == "max_pool2d") {
    return max_pool2d(x, {.kernel_size = kernel,
                          .stride = stride,
                          .padding = padding,
                          .dilation = size_of_option(one, "dilation", 1),
                          .ceil_mode = flag_of(one, "ceil_mode")});
  }
  if (function == "avg_pool2d") {
    std::optional<std::int64_t> divisor;
    if (one.has("divisor_override")) divisor = one.at("divisor_override").data<std::int64_t>()[0];
    return avg_pool2d(x, {.kernel_size = kernel,
                          .stride = stride,
                          .padding = padding,
                          .ceil_mode = flag_of(one, "ceil_mode"),
                          .count_include_pad = flag_of(one, "count_include_pad"),
                          .divisor_override = divisor});
  }
  const Size2d size = size_of_option(one, "output_size", 1);
  AdaptivePool2dOptions options{.output_height = size.h, .output_width = size.w};
  if (size.h == 0) options.output_height.reset();
  if (size.w == 0) options.output_width.reset();
  return function == "adaptive_avg_pool2d" ? adaptive_avg_pool2d(x, options)
                                           : adaptive_max_pool2d(x, options);
}

TEST_P(GoldenPooling, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("pooling.h5");
  EXPECT_GE(cases.size(), 100u);
  int ran = 0;
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const bool exact = function_of(one).find("max") != std::string::npos;
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      const std::optional<Tensor> y = run({&one.at("x")}, dtype, "pool2d", GetParam(),
                                          [&](std::span<const Value> x) { return pool(one, x[0]); });
      if (!y) continue;
      ++ran;
      const double unit = epsilon_of(dtype);
      EXPECT_TRUE(near(*y, one.at("y").to(dtype), [&](std::size_t, double wanted) {
        return exact ? 0.0 : unit * std::abs(wanted) + 0x1p-20;  // sums are exact, the division is rounded
      }));
    }
  }
  EXPECT_GT(ran, 5);
}

INSTANTIATE_TEST_SUITE_P(, GoldenPooling, ::testing::ValuesIn(targets(kernels::pool2d_rows)), target_name);

class GoldenResizing : public GoldenTest<Target> {};

/// The options of a case; see tools/golden_resizing.py.
InterpolateOptions resize_options(const GoldenCase& one) {
  const auto values = one.at("options").data<double>();
  InterpolateOptions options;
  if (values[0] != 0)
    options.size = {static_cast<std::int64_t>(values[0]), static_cast<std::int64_t>(values[1])};
  if (values[2] != 0) options.scale_factor = {values[2], values[3]};
  for (const InterpolateMode mode : {InterpolateMode::nearest_exact, InterpolateMode::bilinear,
                                     InterpolateMode::bicubic, InterpolateMode::area}) {
    if (function_of(one) == name_of(mode)) options.mode = mode;
  }
  if (values[4] >= 0) options.align_corners = values[4] != 0;
  if (values[5] != 0) options.recompute_scale_factor = true;
  options.antialias = values[6] != 0;
  return options;
}

TEST_P(GoldenResizing, MatchesPyTorch) {
  const std::vector<GoldenCase> cases = golden_cases("resizing.h5");
  EXPECT_GE(cases.size(), 100u);
  int ran = 0;
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    const InterpolateOptions options = resize_options(one);
    const bool exact = function_of(one).starts_with("nearest");
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      const std::optional<Tensor> y =
          run({&one.at("x")}, dtype, "resize2d", GetParam(),
              [&](std::span<const Value> x) { return interpolate(x[0], options); });
      if (!y) continue;
      ++ran;
      const double unit = epsilon_of(dtype);
      // Positions in images of up to 40 pixels are rounded, times differences of up to 8 between pixels.
      EXPECT_TRUE(near(*y, one.at("y").to(dtype), [&](std::size_t, double wanted) {
        return exact ? 0.0 : unit * std::abs(wanted) + 0x1p-15;
      }));
    }
  }
  EXPECT_GT(ran, 5);
}

INSTANTIATE_TEST_SUITE_P(, GoldenResizing, ::testing::ValuesIn(targets(kernels::resize2d_rows)), target_name);

}  // namespace

}  // namespace upconv::testing
