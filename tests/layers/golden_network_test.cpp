#include <algorithm>
#include <cmath>
#include <vector>

#include <upconv/framework/hdf5/hdf5.h>
#include <upconv/kernels/convolution.h>
#include <upconv/tests/layers/golden.h>

// Whole networks, exported from PyTorch by tools/export_hdf5.py, built here with the same names.

namespace upconv::testing {

namespace {

Sequential dcgan() {
  constexpr std::int64_t kWidths[] = {16, 32, 16, 8, 4};
  Sequential main;
  for (std::size_t i = 0; i + 1 < std::size(kWidths); ++i) {
    main.append(ConvTranspose2d({.in_channels = kWidths[i],
                                 .out_channels = kWidths[i + 1],
                                 .kernel_size = 4,
                                 .stride = i == 0 ? 1 : 2,
                                 .padding = i == 0 ? 0 : 1,
                                 .bias = false}));
    main.append(BatchNorm2d({.num_features = kWidths[i + 1]}));
    main.append(ReLU());
  }
  main.append(ConvTranspose2d(
      {.in_channels = 4, .out_channels = 3, .kernel_size = 4, .stride = 2, .padding = 1, .bias = false}));
  main.append(Tanh());
  Sequential net;
  net.append("main", std::move(main));
  return net;
}

Sequential fsrcnn() {
  Sequential first, mid, net;
  first.append(Conv2d({.in_channels = 1, .out_channels = 16, .kernel_size = 5, .padding = 2}));
  first.append(PReLU({.num_parameters = 16}));
  mid.append(Conv2d({.in_channels = 16, .out_channels = 6, .kernel_size = 1}));
  mid.append(PReLU({.num_parameters = 6}));
  for (int i = 0; i < 2; ++i) {
    mid.append(Conv2d({.in_channels = 6, .out_channels = 6, .kernel_size = 3, .padding = 1}));
    mid.append(PReLU({.num_parameters = 6}));
  }
  mid.append(Conv2d({.in_channels = 6, .out_channels = 16, .kernel_size = 1}));
  mid.append(PReLU({.num_parameters = 16}));
  net.append("first_part", std::move(first));
  net.append("mid_part", std::move(mid));
  net.append("last_part", ConvTranspose2d({.in_channels = 16,
                                           .out_channels = 1,
                                           .kernel_size = 9,
                                           .stride = 3,
                                           .padding = 4,
                                           .output_padding = 2}));
  return net;
}

Sequential up_block(std::int64_t in, std::int64_t out) {
  Sequential block;
  block.append(ConvTranspose2d(
      {.in_channels = in, .out_channels = out, .kernel_size = 4, .stride = 2, .padding = 1, .bias = false}));
  block.append(BatchNorm2d({.num_features = out}));
  block.append(LeakyReLU({.negative_slope = 0.2}));
  return block;
}

Sequential decoder() {
  Sequential stem, up, refine, net;
  stem.append(Conv2d({.in_channels = 12,
                      .out_channels = 16,
                      .kernel_size = 3,
                      .padding = 1,
                      .padding_mode = PaddingMode::reflect}));
  stem.append(LeakyReLU({.negative_slope = 0.2}));
  up.append(up_block(16, 12)).append(up_block(12, 8));
  refine.append(Conv2d({.in_channels = 8,
                        .out_channels = 8,
                        .kernel_size = 3,
                        .padding = 1,
                        .groups = 4,
                        .padding_mode = PaddingMode::replicate}));
  refine.append(PReLU());
  refine.append(Conv2d({.in_channels = 8,
                        .out_channels = 3,
                        .kernel_size = 7,
                        .padding = 3,
                        .padding_mode = PaddingMode::reflect}));
  net.append("stem", std::move(stem)).append("up", std::move(up)).append("refine", std::move(refine));
  net.append("out", Sigmoid());
  return net;
}

Sequential mlp() {
  Sequential net;
  net.append(Linear({.in_features = 10, .out_features = 24})).append(Tanh());
  net.append(Linear({.in_features = 24, .out_features = 24, .bias = false})).append(LeakyReLU());
  net.append(Linear({.in_features = 24, .out_features = 5})).append(Sigmoid());
  return net;
}

Sequential network(const std::string& name) {
  return name == "dcgan" ? dcgan() : name == "fsrcnn" ? fsrcnn() : name == "decoder" ? decoder() : mlp();
}

double largest(const Tensor& tensor) {
  double result = 0.0;
  for (const double value : to_doubles(tensor))
    result = std::max(result, std::abs(value));
  return result;
}

/// Prepares the loaded network and runs it on the target, with both convolutions forced to its row if it has
/// one. `x` and the result are on the CPU.
Tensor run(Sequential& net, const Tensor& x, const Target& target) {
  ExecutionContextOptions options{.device = target.device, .precision = target.precision, .num_threads = 2};
  if (!target.row.empty()) options.kernels = {{"conv2d", target.row}, {"conv_transpose2d", target.row}};
  ExecutionContext ctx(std::move(options));
  net.prepare(ctx);
  return net.forward(x.to(target.device), ctx).to(Device::cpu());
}

/// Rows that take every convolution of the network; a row that refuses one says so by ArgumentError.
Tensor run_or_skip(Sequential& net, const Tensor& x, const Target& target) {
  try {
    return run(net, x, target);
  } catch (const ArgumentError& error) {
    EXPECT_NE(std::string(error.what()).find("does not fit"), std::string::npos) << error.what();
    return {};
  }
}

/// What selection picks on each device.
std::vector<Target> selected(std::vector<Target> targets) {
  std::erase_if(targets, [](const Target& target) { return !target.row.empty(); });
  return targets;
}

using Parameter = std::tuple<std::string, Target>;  // network, what runs it

class GoldenNetwork : public GoldenTest<Parameter> {
 protected:
  std::string name_ = std::get<0>(GetParam());
  const Tensor& x_ = golden_file(name_ + "_io.h5").at("x");
  const Tensor& y_ = golden_file(name_ + "_io.h5").at("y");
  Sequential net_ = network(name_);
};

// fp32: PyTorch and upconv may each err by some units in every layer. Measured, they differ by at most 2^-20
// of the largest output, in FSRCNN. TF32 rounds products as f16 does, and is allowed what f16 is.
TEST_P(GoldenNetwork, MatchesPyTorch) {
  const LoadReport report = net_.load(golden_file(name_ + ".h5"));
  EXPECT_TRUE(report.missing.empty() && report.unexpected.empty()) << report.to_string();
  const Tensor y = run_or_skip(net_, x_, target());
  if (!y.defined()) GTEST_SKIP() << "the row does not support every layer";
  const double tolerance =
      (target().precision == Precision::tf32 ? 0x1p-7 : 0x1p-19) * std::max(1.0, largest(y_));
  EXPECT_TRUE(near(y, y_, [&](std::size_t, double) { return tolerance; }));
}

// 16 bits: weights, input and every activation are rounded, 2^-11 or 2^-8 each; allow 16 such errors.
TEST_P(GoldenNetwork, MatchesPyTorchIn16Bits) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    net_.to(dtype);
    net_.load(golden_file(name_ + ".h5"));
    const Tensor y = run_or_skip(net_, x_.to(dtype), target());
    if (!y.defined()) GTEST_SKIP() << "the row does not support every layer";
    EXPECT_EQ(y.dtype(), dtype);
    const double tolerance = 8 * epsilon_of(dtype) * std::max(1.0, largest(y_));
    EXPECT_TRUE(near(y.to(DType::f32), y_, [&](std::size_t, double) { return tolerance; })) << dtype;
  }
}

TEST_P(GoldenNetwork, KeysAreThoseOfPyTorchInOrder) {
  std::vector<std::string> theirs, ours;
  for (const auto& [key, tensor] : golden_file(name_ + ".h5"))
    theirs.push_back(key);
  for (const EntrySpec& entry : net_.entries())
    ours.push_back(entry.name);
  EXPECT_EQ(ours, theirs);
}

std::string parameter_name(const ::testing::TestParamInfo<Parameter>& instance) {
  return std::get<0>(instance.param) + '_' + std::get<1>(instance.param).test_name();
}

INSTANTIATE_TEST_SUITE_P(, GoldenNetwork,
                         ::testing::Combine(::testing::Values("dcgan", "fsrcnn", "decoder", "mlp"),
                                            ::testing::ValuesIn(targets(kernels::convolution_rows))),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(
    Tf32, GoldenNetwork,
    ::testing::Combine(::testing::Values("dcgan", "fsrcnn", "decoder", "mlp"),
                       ::testing::ValuesIn(selected(tf32_targets(kernels::convolution_rows)))),
    parameter_name);

// --- small nests

class GoldenSequential : public GoldenTest<Target> {
 protected:
  void check_nest(const std::string& name, Sequential net);
};

void GoldenSequential::check_nest(const std::string& name, Sequential net) {
  StateDict weights;
  const std::string prefix = name + ".state.";
  for (const auto& [key, tensor] : golden_file("sequential.h5")) {
    if (key.starts_with(prefix)) weights.insert(key.substr(prefix.size()), tensor.clone());
  }
  net.load(weights);
  const Tensor& wanted = golden_file("sequential.h5").at(name + ".y");
  const Tensor y = run(net, golden_file("sequential.h5").at(name + ".x"), target());
  EXPECT_TRUE(near(y, wanted, [&](std::size_t, double) { return 0x1p-20 * std::max(1.0, largest(wanted)); }));
}

Sequential nested(bool with_prelu) {
  Sequential inner, net;
  inner.append(ReLU());
  inner.append(ConvTranspose2d({.in_channels = 4, .out_channels = 3, .kernel_size = 2, .stride = 2}));
  net.append(Conv2d({.in_channels = 2, .out_channels = 4, .kernel_size = 3, .padding = 1}));
  net.append(std::move(inner));
  if (with_prelu) net.append(PReLU({.num_parameters = 3}));
  return net;
}

TEST_P(GoldenSequential, Nested) {
  check_nest("nested", nested(true));
}

TEST_P(GoldenSequential, NestedUnbatched) {
  check_nest("nested_unbatched", nested(false));
}

TEST_P(GoldenSequential, Named) {
  Sequential tail, net;
  tail.append("norm", BatchNorm2d({.num_features = 3})).append("act", Tanh());
  net.append("stem", Conv2d({.in_channels = 1,
                             .out_channels = 3,
                             .kernel_size = {3, 1},
                             .padding = {1, 0},
                             .padding_mode = PaddingMode::reflect}));
  net.append(LeakyReLU({.negative_slope = 0.1}));
  net.append("tail", std::move(tail));
  check_nest("named", std::move(net));
}

TEST_P(GoldenSequential, Empty) {
  check_nest("empty", Sequential());
}

// PReLU's slopes go by dimension 1, which of an unbatched image is the height: not the convolution's
// channels.
TEST_P(GoldenSequential, UnbatchedPReLUGoesByHeight) {
  Sequential net;
  net.append(ConvTranspose2d({.in_channels = 2, .out_channels = 5, .kernel_size = 3, .padding = 1}));
  net.append(PReLU({.num_parameters = 4}));
  check_nest("unbatched_prelu", std::move(net));
}

INSTANTIATE_TEST_SUITE_P(, GoldenSequential,
                         ::testing::ValuesIn(selected(targets(kernels::convolution_rows))),
                         [](const auto& instance) { return instance.param.test_name(); });

}  // namespace

}  // namespace upconv::testing
