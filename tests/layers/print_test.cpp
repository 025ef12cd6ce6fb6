#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/layers/python_repr.h>
#include <upconv/upconv.h>

// Modules print as PyTorch prints them: tests/golden/print.txt holds, for each, the number of its parameters
// and what print(module) wrote, from tools/golden_cases.py, printed().

namespace upconv::testing {

namespace {

using ::testing::HasSubstr;

/// A module of a user's own whose options take two lines.
class TwoLines : public Module {
 public:
  TwoLines() : Module("TwoLines") {}
  template <class M>
  void add(M module) {
    register_module("part" + std::to_string(children().size()), std::make_unique<M>(std::move(module)));
  }
  TensorSpec output_spec(const TensorSpec& x) const override { return x; }
  std::string extra_repr() const override { return "first=1\nsecond=2"; }

 private:
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override { ctx.copy(y, x); }
};

Sequential named() {
  Sequential inner, tail, net;
  inner.append(PReLU({.num_parameters = 3})).append(Sequential());
  tail.append(BatchNorm2d({.num_features = 3})).append(std::move(inner));
  net.append("stem", Conv2d({.in_channels = 1,
                             .out_channels = 3,
                             .kernel_size = {3, 1},
                             .padding = {1, 0},
                             .padding_mode = PaddingMode::reflect}));
  net.append("tail", std::move(tail)).append(Sigmoid());
  return net;
}

Sequential mlp() {
  Sequential net;
  net.append(Linear({.in_features = 2, .out_features = 4})).append(LeakyReLU());
  net.append(Linear({.in_features = 4, .out_features = 1}));
  return net;
}

TwoLines two_lines_with_parts() {
  Sequential inner;
  inner.append(ReLU());
  TwoLines module;
  module.add(Tanh());
  module.add(std::move(inner));
  return module;
}

class Modules {
 public:
  Modules() {
    add("conv2d", Conv2d({.in_channels = 1, .out_channels = 56, .kernel_size = 5, .padding = 2}));
    add("conv2d_all", Conv2d({.in_channels = 8,
                              .out_channels = 16,
                              .kernel_size = {3, 5},
                              .stride = {2, 1},
                              .padding = {1, 2},
                              .dilation = {2, 1},
                              .groups = 4,
                              .bias = false,
                              .padding_mode = PaddingMode::reflect}));
    add("conv2d_one_side", Conv2d({.in_channels = 3,
                                   .out_channels = 2,
                                   .kernel_size = 3,
                                   .padding = {0, 1},
                                   .dilation = {1, 2},
                                   .padding_mode = PaddingMode::replicate}));
    add("conv_transpose2d", ConvTranspose2d({.in_channels = 56,
                                             .out_channels = 1,
                                             .kernel_size = 9,
                                             .stride = 2,
                                             .padding = 4,
                                             .output_padding = 1}));
    add("conv_transpose2d_plain", ConvTranspose2d({.in_channels = 2, .out_channels = 3, .kernel_size = 4}));
    add("conv_transpose2d_all", ConvTranspose2d({.in_channels = 4,
                                                 .out_channels = 6,
                                                 .kernel_size = {2, 3},
                                                 .stride = {3, 2},
                                                 .padding = {1, 0},
                                                 .output_padding = {2, 1},
                                                 .groups = 2,
                                                 .bias = false,
                                                 .dilation = {2, 3}}));
    add("linear", Linear({.in_features = 100, .out_features = 3}));
    add("linear_no_bias", Linear({.in_features = 5, .out_features = 1, .bias = false}));
    add("batch_norm2d", BatchNorm2d({.num_features = 64}));
    add("batch_norm2d_options",
        BatchNorm2d({.num_features = 3, .eps = 1e-3, .momentum = 0.01, .affine = false}));
    add("relu", ReLU());
    add("sigmoid", Sigmoid());
    add("tanh", Tanh());
    add("prelu", PReLU());
    add("prelu_channels", PReLU({.num_parameters = 56}));
    add_padding();
    add_activations();
    add_movement();
    int index = 0;
    for (const double slope : {0.0, 1.0, -0.5, 1e-4, 1e-5, 0.1 + 0.2, 123456789.0, 1e15, 1e16,
                               1.7976931348623157e308, 5e-324, std::numeric_limits<double>::infinity()})
      add("leaky_relu_" + std::to_string(index++), LeakyReLU({.negative_slope = slope}));
    add("sequential_empty", Sequential());
    add("sequential", mlp());
    add("named", named());
    add("two_lines", TwoLines());
    Sequential nested;
    nested.append(two_lines_with_parts());
    add("two_lines_nested", std::move(nested));
  }
  std::size_t size() const { return modules_.size(); }
  const Module& at(const std::string& name) const { return *modules_.at(name); }

 private:
  void add_padding() {
    add("zero_pad1d", ZeroPad1d({.padding = 2}));
    add("zero_pad2d", ZeroPad2d({.padding = {1, 2, 3, 4}}));
    add("zero_pad3d", ZeroPad3d({.padding = 1}));
    add("constant_pad1d", ConstantPad1d({.padding = {1, 0}, .value = 2.5}));
    add("constant_pad2d", ConstantPad2d({.padding = 1}));
    add("constant_pad3d", ConstantPad3d({.padding = {1, 2, 3, 4, 5, -6}, .value = -1e-5}));
    add("reflection_pad1d", ReflectionPad1d({.padding = {1, 2}}));
    add("reflection_pad2d", ReflectionPad2d({.padding = 3}));
    add("reflection_pad3d", ReflectionPad3d({.padding = 1}));
    add("replication_pad1d", ReplicationPad1d({.padding = 1}));
    add("replication_pad2d", ReplicationPad2d({.padding = {1, 0, 1, 0}}));
    add("replication_pad3d", ReplicationPad3d({.padding = 2}));
    add("circular_pad1d", CircularPad1d({.padding = 4}));
    add("circular_pad2d", CircularPad2d({.padding = {1, 0, 2, 0}}));
    add("circular_pad3d", CircularPad3d({.padding = 1}));
  }

  void add_activations() {
    add("relu6", ReLU6());
    add("hardtanh", Hardtanh());
    add("hardtanh_options", Hardtanh({.min_val = -2.0, .max_val = 3.5}));
    add("hardswish", Hardswish());
    add("hardsigmoid", Hardsigmoid());
    add("threshold", Threshold({.threshold = 0.1, .value = 20.0}));
    add("softshrink", Softshrink());
    add("hardshrink", Hardshrink({.lambd = 0.25}));
    add("rrelu", RReLU());
    add("elu", ELU({}));
    add("celu", CELU({.alpha = 1.5}));
    add("selu", SELU());
    add("gelu", GELU());
    add("gelu_tanh", GELU({.approximate = GELUApproximate::tanh}));
    add("silu", SiLU());
    add("mish", Mish());
    add("softplus", Softplus({.beta = 2.0, .threshold = 5.5}));
    add("softsign", Softsign());
    add("logsigmoid", LogSigmoid());
    add("tanhshrink", Tanhshrink());
    add("glu", GLU());
    add("glu_channels", GLU({.dim = 1}));
  }

  void add_movement() {
    add("pixel_shuffle", PixelShuffle({.upscale_factor = 2}));
    add("pixel_unshuffle", PixelUnshuffle({.downscale_factor = 3}));
    add("channel_shuffle", ChannelShuffle({.groups = 4}));
    add("flatten", Flatten());
    add("flatten_options", Flatten({.start_dim = 0, .end_dim = 2}));
    add("unflatten", Unflatten({.dim = 1, .unflattened_size = {2, 3}}));
    add("unflatten_one", Unflatten({.dim = 0, .unflattened_size = {6}}));
    add("identity", Identity());
    add("dropout", Dropout());
    add("dropout1d", Dropout1d({.p = 0.25}));
    add("dropout2d", Dropout2d({.p = 1.0, .inplace = true}));
    add("dropout3d", Dropout3d());
    add("alpha_dropout", AlphaDropout({.p = 0.1}));
    add("feature_alpha_dropout", FeatureAlphaDropout());
  }
  template <class M>
  void add(const std::string& name, M module) {
    modules_.emplace(name, std::make_unique<M>(std::move(module)));
  }

  std::map<std::string, std::unique_ptr<Module>> modules_;
};

struct Printed {
  std::int64_t parameters = 0;
  std::string text;
};

std::map<std::string, Printed> printed_by_pytorch() {
  std::ifstream file(std::string(UPCONV_GOLDEN_DIR) + "/print.txt");
  std::map<std::string, Printed> result;
  std::string name;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("--- ")) {
      const std::size_t space = line.rfind(' ');
      name = line.substr(4, space - 4);
      result[name].parameters = std::stoll(line.substr(space));
    } else {
      result[name].text += (result[name].text.empty() ? "" : "\n") + line;
    }
  }
  return result;
}

TEST(ToString, IsWhatPyTorchPrints) {
  const std::map<std::string, Printed> wanted = printed_by_pytorch();
  const Modules modules;
  EXPECT_EQ(wanted.size(), modules.size());
  for (const auto& [name, printed] : wanted) {
    SCOPED_TRACE(name);
    EXPECT_EQ(modules.at(name).to_string({.total = false}), printed.text);
    EXPECT_EQ(modules.at(name).parameter_count(), printed.parameters);
  }
}

// In the words of PyTorch 2: version 1.13, which wrote the file, has no quotes.
TEST(ToString, OfUpsampleIsWhatPyTorch2Prints) {
  const auto text = [](const Module& module) { return module.to_string({.total = false}); };
  EXPECT_EQ(text(Upsample({.scale_factor = 2})), "Upsample(scale_factor=2.0, mode='nearest')");
  EXPECT_EQ(text(Upsample({.scale_factor = {{1.5, 2}}, .mode = InterpolateMode::nearest_exact})),
            "Upsample(scale_factor=(1.5, 2.0), mode='nearest-exact')");
  EXPECT_EQ(text(Upsample({.size = {{5, 7}}, .mode = InterpolateMode::bicubic, .align_corners = true})),
            "Upsample(size=(5, 7), mode='bicubic')");
  EXPECT_EQ(text(Upsample({})), "Upsample(size=None, mode='nearest')");
  EXPECT_EQ(text(UpsamplingNearest2d({.scale_factor = 2})),
            "UpsamplingNearest2d(scale_factor=2.0, mode='nearest')");
  EXPECT_EQ(text(UpsamplingBilinear2d({.size = 9})), "UpsamplingBilinear2d(size=9, mode='bilinear')");
}

TEST(ToString, OfSoftplusIsWhatPyTorch2Prints) {
  EXPECT_EQ(Softplus().to_string({.total = false}), "Softplus(beta=1.0, threshold=20.0)");
}

TEST(ToString, EndsWithTheNumberOfParameters) {
  const Conv2d conv({.in_channels = 40, .out_channels = 64, .kernel_size = 3, .bias = false});
  EXPECT_EQ(conv.to_string(),
            "Conv2d(40, 64, kernel_size=(3, 3), stride=(1, 1), bias=False)\n23,040 parameters");
  EXPECT_THAT(ReLU().to_string(), HasSubstr("ReLU()\n0 parameters"));
  EXPECT_THAT(PReLU().to_string(), HasSubstr("\n1 parameter"));
  EXPECT_THAT(Linear({.in_features = 1000, .out_features = 1000, .bias = false}).to_string(),
              HasSubstr("\n1,000,000 "));
}

TEST(ToString, CountsByLayerWhereAsked) {
  EXPECT_EQ(
      named().to_string({.per_layer = true}),
      "Sequential(\n"
      "  (stem): Conv2d(1, 3, kernel_size=(3, 1), stride=(1, 1), padding=(1, 0), padding_mode=reflect)  # 12 "
      "parameters\n"
      "  (tail): Sequential(\n"
      "    (0): BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)  # 6 "
      "parameters\n"
      "    (1): Sequential(\n"
      "      (0): PReLU(num_parameters=3)  # 3 parameters\n"
      "      (1): Sequential()\n"
      "    )\n"
      "  )\n"
      "  (2): Sigmoid()\n"
      ")\n"
      "21 parameters");
}

TEST(PythonRepr, WritesNumbersAsPythonDoes) {
  EXPECT_EQ(python_repr(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(python_repr(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(python_repr(-0.0), "-0.0");
  EXPECT_EQ(python_repr(true), "True");
  EXPECT_EQ(python_repr(false), "False");
}

}  // namespace

}  // namespace upconv::testing
