#include <algorithm>
#include <memory>

#include <upconv/kernels/convolution.h>
#include <upconv/tests/layers/golden.h>

// PyTorch's convolutions, for every row of every device's table. Exact cases must be met bit for bit. The
// others may err by 2^-21 of the largest sum of |x * w|, by 2^-9 in TF32, and, of 16-bit types, one unit in
// the last place: results that differ in fp32 may round to neighbours.

namespace upconv::testing {

namespace {

using kernels::ConvProblem;

ConvProblem problem_of(const GoldenCase& one) {
  return ConvProblem::parse(std::string_view(one.name).substr(one.name.find('.') + 1));
}

bool asks_for_size(const GoldenCase& one) {
  return one.name.find("_to_size") != std::string::npos;
}

std::unique_ptr<Module> layer_of(const GoldenCase& one, const ConvProblem& p) {
  const Size2d kernel(p.kh, p.kw), stride(p.stride_h, p.stride_w), pad(p.pad_h, p.pad_w);
  const Size2d dilation(p.dilation_h, p.dilation_w), output_pad(p.output_pad_h, p.output_pad_w);
  if (!p.transposed) {
    return std::make_unique<Conv2d>(Conv2dOptions{.in_channels = p.ci,
                                                  .out_channels = p.co,
                                                  .kernel_size = kernel,
                                                  .stride = stride,
                                                  .padding = pad,
                                                  .dilation = dilation,
                                                  .groups = p.groups,
                                                  .bias = one.has("bias"),
                                                  .padding_mode = p.padding_mode});
  }
  return std::make_unique<ConvTranspose2d>(
      ConvTranspose2dOptions{.in_channels = p.ci,
                             .out_channels = p.co,
                             .kernel_size = kernel,
                             .stride = stride,
                             .padding = pad,
                             .output_padding = asks_for_size(one) ? Size2d(0) : output_pad,
                             .groups = p.groups,
                             .bias = one.has("bias"),
                             .dilation = dilation});
}

Tensor run(const GoldenCase& one, const ConvProblem& p, const Module& layer, const Tensor& x,
           const Target& target) {
  if (!asks_for_size(one)) return run_guarded(layer, x, std::string(p.op()), target);
  ExecutionContext ctx = context_for(std::string(p.op()), target);
  return dynamic_cast<const ConvTranspose2d&>(layer)
      .forward_to_size(x.to(target.device), {p.oh(), p.ow()}, ctx)
      .to(Device::cpu());
}

/// The largest sum of |x * w| + |bias| of any output.
double largest_sum(const GoldenCase& one, const ConvProblem& p) {
  StateDict weights;
  for (const auto& [name, tensor] : one.state_dict())
    weights.insert(name, absolute(tensor));
  const std::unique_ptr<Module> layer = layer_of(one, p);
  layer->load(weights);
  const Target reference{.device = Device::cpu(), .row = "cpu.reference"};
  ExecutionContext ctx = context_for(std::string(p.op()), reference);
  layer->prepare(ctx);
  const std::vector<double> sums = to_doubles(run(one, p, *layer, absolute(one.at("x")), reference));
  return sums.empty() ? 0.0 : std::ranges::max(sums);
}

/// True if the row was taken; false if it does not support the case.
bool check_case(const GoldenCase& one, const Target& target) {
  ConvProblem p = problem_of(one);
  p.precision = target.precision;
  p.finite_weight = kernels::is_finite(one.at("weight"));
  const bool tf32 = p.dtype == DType::f32 && target.precision == Precision::tf32;
  if (target.precision == Precision::tf32 && !tf32) return false;
  ExecutionContext ctx = context_for(std::string(p.op()), target);
  for (const kernels::ConvRow& candidate : kernels::convolution_rows(target.device.type())) {
    if (candidate.name == target.row && !candidate.supports(p, ctx.caps()).supported) return false;
  }
  const std::unique_ptr<Module> layer = layer_of(one, p);
  layer->to(p.dtype);
  layer->load(one.state_dict());
  layer->prepare(ctx);
  const Tensor y = run(one, p, *layer, one.at("x"), target);
  if (one.exact()) {
    EXPECT_TRUE(equal(y, one.at("y")));
  } else {
    const double unit = p.dtype == DType::f32 ? 0.0 : epsilon_of(p.dtype);
    const double absolute_error =
        (tf32 ? 0x1p-9 : 0x1p-21) * largest_sum(one, p) + (unit > 0.0 ? smallest_of(p.dtype) : 0.0);
    EXPECT_TRUE(near(y, one.at("y"),
                     [&](std::size_t, double wanted) { return absolute_error + unit * std::abs(wanted); }));
  }
  return true;
}

using Parameter = std::tuple<std::string, std::string, Target>;  // file, case prefix, what runs it

class GoldenConvolution : public GoldenTest<Parameter> {};

TEST_P(GoldenConvolution, MatchesPyTorch) {
  const auto& [file, prefix, target] = GetParam();
  int taken = 0;
  const std::vector<GoldenCase> cases = golden_cases(file + ".h5", prefix);
  ASSERT_FALSE(cases.empty());
  for (const GoldenCase& one : cases) {
    SCOPED_TRACE(one.name);
    taken += check_case(one, target);
  }
  RecordProperty("cases", taken);
  if (taken == 0) GTEST_SKIP() << target.test_name() << " supports none of these cases";
}

std::string parameter_name(const ::testing::TestParamInfo<Parameter>& instance) {
  const auto& [file, prefix, target] = instance.param;
  return file + '_' + prefix + '_' + target.test_name();
}

INSTANTIATE_TEST_SUITE_P(, GoldenConvolution,
                         ::testing::Combine(::testing::Values("conv_transpose2d", "conv2d"),
                                            ::testing::Values("corner", "special", "f32", "f16", "bf16"),
                                            ::testing::ValuesIn(targets(kernels::convolution_rows))),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(Tf32, GoldenConvolution,
                         ::testing::Combine(::testing::Values("conv_transpose2d", "conv2d"),
                                            ::testing::Values("corner", "special", "f32"),
                                            ::testing::ValuesIn(tf32_targets(kernels::convolution_rows))),
                         parameter_name);

TEST(GoldenFiles, HoldEnoughCases) {
  EXPECT_GE(golden_cases("conv_transpose2d.h5").size(), 400u);
  EXPECT_GE(golden_cases("conv_transpose2d.h5", "f32").size(), 300u);
  EXPECT_GE(golden_cases("conv2d.h5").size(), 160u);
}

// Each class of problem that has broken a transposed convolution somewhere must stand among the cases.
TEST(GoldenFiles, CoverTheHardProblems) {
  std::map<std::string, int> seen;
  for (const GoldenCase& one : golden_cases("conv_transpose2d.h5")) {
    const ConvProblem p = problem_of(one);
    seen["stride beyond kernel"] += p.stride_h > p.kh && p.stride_w > p.kw;
    seen["phases without taps"] += p.stride_h % 2 == 0 && p.dilation_h % 2 == 0;
    seen["groups"] += p.groups > 1 && p.ci_per_group() > 1 && p.co_per_group() > 1;
    seen["depthwise"] += p.groups > 1 && p.ci_per_group() == 1 && p.co_per_group() == 1;
    seen["output padding"] += p.output_pad_h > 0 || p.output_pad_w > 0;
    seen["output padding beyond stride"] += p.output_pad_h >= p.stride_h;
    seen["one-pixel input"] += p.ih == 1 && p.iw == 1;
    seen["one-pixel output"] += p.oh() == 1 && p.ow() == 1 && p.ih * p.iw > 1;
    seen["zero batch"] += p.n == 0;
    seen["unbatched"] += one.at("x").shape().rank() == 3;
    seen["asked for size"] += asks_for_size(one);
    seen["no bias"] += !one.has("bias");
    seen["non-square kernel"] += p.kh != p.kw;
    seen["odd channels"] += p.ci % 2 == 1 && p.co % 2 == 1 && p.ci > 8;
  }
  for (const auto& [what, count] : seen)
    EXPECT_GE(count, 3) << what;
}

}  // namespace

}  // namespace upconv::testing
