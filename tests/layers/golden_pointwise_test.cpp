#include <cmath>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include <upconv/kernels/pointwise.h>
#include <upconv/tests/framework/function_network.h>
#include <upconv/tests/layers/golden.h>

// Functions of one number as PyTorch's, as functions on Values and as layers: every row, each type.

namespace upconv::testing {

namespace {

std::string target_name(const ::testing::TestParamInfo<Target>& instance) {
  return instance.param.test_name();
}

/// A function by name, with its options: by `option(name, default)`.
using Option = std::function<double(const char*, double)>;
using Function = std::function<Value(const Value&, const Option&)>;
using Layer = std::function<std::unique_ptr<Module>(const Option&)>;

template <class M, class... Arguments>
std::unique_ptr<Module> layer(Arguments&&... arguments) {
  return std::make_unique<M>(std::forward<Arguments>(arguments)...);
}

std::optional<double> bound(const Option& option, const char* name) {
  const double value = option(name, NAN);
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

GELUApproximate approximate(const Option& option) {
  return option("tanh", 0) != 0 ? GELUApproximate::tanh : GELUApproximate::none;
}

const std::map<std::string, Function>& functions() {
  using V = const Value&;
  using O = const Option&;
  static const std::map<std::string, Function> kFunctions = {
      {"relu", [](V x, O) { return relu(x); }},
      {"relu6", [](V x, O) { return relu6(x); }},
      {"selu", [](V x, O) { return selu(x); }},
      {"silu", [](V x, O) { return silu(x); }},
      {"mish", [](V x, O) { return mish(x); }},
      {"softsign", [](V x, O) { return softsign(x); }},
      {"hardswish", [](V x, O) { return hardswish(x); }},
      {"hardsigmoid", [](V x, O) { return hardsigmoid(x); }},
      {"logsigmoid", [](V x, O) { return logsigmoid(x); }},
      {"tanhshrink", [](V x, O) { return tanhshrink(x); }},
      {"sigmoid", [](V x, O) { return sigmoid(x); }},
      {"tanh", [](V x, O) { return tanh(x); }},
      {"abs", [](V x, O) { return abs(x); }},
      {"exp", [](V x, O) { return exp(x); }},
      {"log", [](V x, O) { return log(x); }},
      {"sqrt", [](V x, O) { return sqrt(x); }},
      {"rsqrt", [](V x, O) { return rsqrt(x); }},
      {"square", [](V x, O) { return square(x); }},
      {"reciprocal", [](V x, O) { return reciprocal(x); }},
      {"sin", [](V x, O) { return sin(x); }},
      {"cos", [](V x, O) { return cos(x); }},
      {"hardtanh", [](V x, O o) { return hardtanh(x, o("min_val", -1), o("max_val", 1)); }},
      {"clamp", [](V x, O o) { return clamp(x, bound(o, "min"), bound(o, "max")); }},
      {"elu", [](V x, O o) { return elu(x, o("alpha", 1)); }},
      {"celu", [](V x, O o) { return celu(x, o("alpha", 1)); }},
      {"gelu", [](V x, O o) { return gelu(x, approximate(o)); }},
      {"softplus", [](V x, O o) { return softplus(x, o("beta", 1), o("threshold", 20)); }},
      {"softshrink", [](V x, O o) { return softshrink(x, o("lambd", 0.5)); }},
      {"hardshrink", [](V x, O o) { return hardshrink(x, o("lambd", 0.5)); }},
      {"leaky_relu", [](V x, O o) { return leaky_relu(x, o("negative_slope", 0.01)); }},
      {"rrelu", [](V x, O o) { return rrelu(x, o("lower", 1.0 / 8), o("upper", 1.0 / 3)); }},
      {"threshold", [](V x, O o) { return threshold(x, o("threshold", 0), o("value", 0)); }},
      {"pow", [](V x, O o) { return pow(x, o("exponent", 1)); }},
      {"glu", [](V x, O o) { return glu(x, static_cast<std::int64_t>(o("dim", -1))); }},
  };
  return kFunctions;
}

/// The layers among them; one of defaults is made without options.
const std::map<std::string, Layer>& layers() {
  using O = const Option&;
  static const std::map<std::string, Layer> kLayers = {
      {"relu", [](O) { return layer<ReLU>(); }},
      {"relu6", [](O) { return layer<ReLU6>(); }},
      {"selu", [](O) { return layer<SELU>(); }},
      {"silu", [](O) { return layer<SiLU>(); }},
      {"mish", [](O) { return layer<Mish>(); }},
      {"softsign", [](O) { return layer<Softsign>(); }},
      {"hardswish", [](O) { return layer<Hardswish>(); }},
      {"hardsigmoid", [](O) { return layer<Hardsigmoid>(); }},
      {"logsigmoid", [](O) { return layer<LogSigmoid>(); }},
      {"tanhshrink", [](O) { return layer<Tanhshrink>(); }},
      {"sigmoid", [](O) { return layer<Sigmoid>(); }},
      {"tanh", [](O) { return layer<Tanh>(); }},
      {"hardtanh",
       [](O o) {
         return layer<Hardtanh>(HardtanhOptions{.min_val = o("min_val", -1), .max_val = o("max_val", 1)});
       }},
      {"elu", [](O o) { return layer<ELU>(ELUOptions{.alpha = o("alpha", 1)}); }},
      {"celu", [](O o) { return layer<CELU>(CELUOptions{.alpha = o("alpha", 1)}); }},
      {"gelu", [](O o) { return layer<GELU>(GELUOptions{.approximate = approximate(o)}); }},
      {"softplus",
       [](O o) {
         return layer<Softplus>(SoftplusOptions{.beta = o("beta", 1), .threshold = o("threshold", 20)});
       }},
      {"softshrink", [](O o) { return layer<Softshrink>(SoftshrinkOptions{.lambd = o("lambd", 0.5)}); }},
      {"hardshrink", [](O o) { return layer<Hardshrink>(HardshrinkOptions{.lambd = o("lambd", 0.5)}); }},
      {"rrelu",
       [](O o) {
         return layer<RReLU>(RReLUOptions{.lower = o("lower", 1.0 / 8), .upper = o("upper", 1.0 / 3)});
       }},
      {"threshold",
       [](O o) {
         return layer<Threshold>(ThresholdOptions{.threshold = o("threshold", 0), .value = o("value", 0)});
       }},
      {"glu", [](O o) { return layer<GLU>(GLUOptions{.dim = static_cast<std::int64_t>(o("dim", -1))}); }},
  };
  return kLayers;
}

/// Functions of which PyTorch has no option to leave out: a layer of defaults takes none.
std::unique_ptr<Module> layer_of_defaults(const std::string& function) {
  static const std::map<std::string, std::function<std::unique_ptr<Module>()>> kLayers = {
      {"hardtanh", [] { return layer<Hardtanh>(); }},
      {"elu", [] { return layer<ELU>(); }},
      {"celu", [] { return layer<CELU>(); }},
      {"gelu", [] { return layer<GELU>(); }},
      {"softplus", [] { return layer<Softplus>(); }},
      {"softshrink", [] { return layer<Softshrink>(); }},
      {"hardshrink", [] { return layer<Hardshrink>(); }},
      {"rrelu", [] { return layer<RReLU>(); }},
  };
  const auto found = kLayers.find(function);
  return found == kLayers.end() ? nullptr : found->second();
}

/// The exponent in the function, whose rounding is an error of the result as many times larger: x^2 / 2 of
/// the normal distribution, and so on.
double exponent_of(const std::string& function, double x, const Option& option) {
  if (!std::isfinite(x)) return 0.0;
  if (function == "softplus") return std::abs(x * option("beta", 1));
  if (function != "gelu") return 0.0;
  return option("tanh", 0) != 0 ? std::abs(x * (1.6 + 0.0714 * x * x)) : x * x / 2;
}

/// What PyTorch's double loses where it subtracts nearly equal numbers.
double cancelled(const std::string& function, double x) {
  const bool subtracts = function == "gelu" || function == "tanhshrink";
  return subtracts && std::isfinite(x) ? 0x1p-50 * std::abs(x) : 0.0;
}

class GoldenPointwise : public GoldenTest<Target> {
 protected:
  /// `net` computes the case in this type, whatever it is.
  void check(Module& net, const GoldenCase& one, const std::string& function, const Option& option,
             DType dtype) {
    const Tensor& plain = one.has("x") ? one.at("x") : *golden_file("pointwise.h5").find("x");
    const Tensor x = plain.to(dtype);
    net.to(dtype);
    ExecutionContext ctx = context_for("pointwise", GetParam());
    net.prepare(ctx);
    const Tensor y = net(x.to(GetParam().device), ctx).to(Device::cpu());
    const std::vector<double> values = to_doubles(x);
    const double unit = dtype == DType::f32 ? 0x1p-21 : epsilon_of(dtype);
    const double smallest = dtype == DType::f16 ? 0x1p-24 : 0x1p-120;
    EXPECT_TRUE(near(y, one.at("y").to(dtype), [&](std::size_t i, double wanted) {
      const double from = function == "glu" ? 0.0 : values[i];
      return (unit + 0x1p-21 * exponent_of(function, from, option)) * std::abs(wanted) +
             cancelled(function, from) + smallest;
    }));
  }
};

TEST_P(GoldenPointwise, MatchesPyTorch) {
  int calls = 0, modules = 0;
  for (const GoldenCase& one : golden_cases("pointwise.h5")) {
    if (!one.has("y")) continue;  // the x of all
    SCOPED_TRACE(one.name);
    const std::string function = one.name.substr(0, one.name.find_last_of('_'));
    const Option option = [&](const char* name, double otherwise) {
      return one.has(name) ? one.at(name).data<double>()[0] : otherwise;
    };
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      SCOPED_TRACE(dtype);
      test_network::FunctionNetwork net(
          [&](std::span<const Value> x) { return Values{functions().at(function)(x[0], option)}; });
      check(net, one, function, option, dtype);
      ++calls;
      const auto found = layers().find(function);
      if (found == layers().end()) continue;
      std::unique_ptr<Module> module = one.tensors.size() == 1 ? layer_of_defaults(function) : nullptr;
      if (module == nullptr) module = found->second(option);
      check(*module, one, function, option, dtype);
      ++modules;
    }
  }
  EXPECT_GE(calls, 250);
  EXPECT_GE(modules, 140);
}

INSTANTIATE_TEST_SUITE_P(, GoldenPointwise, ::testing::ValuesIn(targets(kernels::pointwise_rows)),
                         target_name);

}  // namespace

}  // namespace upconv::testing
