#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/network.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/pointwise.h>
#include <upconv/layers/python_repr.h>

/// Activations made of exponentials and quotients.
namespace upconv {

/// Options of ELU; the name and the default are torch.nn.ELU's.
struct ELUOptions {
  double alpha = 1.0;  ///< The result's limit below is -alpha.
};

/// x if x > 0, else alpha * (exp(x) - 1). Source: torch.nn.ELU.
class ELU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  ELU() : ELU(ELUOptions{}) {}
  /// The same, for `ELU({})`.
  explicit ELU(NoOptions) : ELU() {}
  /// A layer of these options.
  explicit ELU(const ELUOptions& options)
      : ActivationLayer(
            "ELU", {.kind = kernels::ActivationKind::elu, .a = static_cast<float>(options.alpha), .b = 1.0f}),
        options_(options) {}
  std::string extra_repr() const override { return "alpha=" + python_repr(options_.alpha); }

 private:
  ELUOptions options_;
};

/// Options of CELU; the name and the default are torch.nn.CELU's.
struct CELUOptions {
  double alpha = 1.0;  ///< The result's limit below is -alpha; not 0.
};

/// x if x > 0, else alpha * (exp(x / alpha) - 1). Source: torch.nn.CELU.
class CELU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  CELU() : CELU(CELUOptions{}) {}
  /// The same, for `CELU({})`.
  explicit CELU(NoOptions) : CELU() {}
  /// Throws: ArgumentError on impossible options.
  explicit CELU(const CELUOptions& options);
  std::string extra_repr() const override { return "alpha=" + python_repr(options_.alpha); }

 private:
  CELUOptions options_;
};

/// 1.0507 * elu(x, 1.6733), with more digits. Source: torch.nn.SELU.
class SELU : public ActivationLayer {
 public:
  SELU() : ActivationLayer("SELU", {.kind = kernels::ActivationKind::selu}) {}
};

/// Options of GELU; the name and the default are torch.nn.GELU's.
struct GELUOptions {
  GELUApproximate approximate = GELUApproximate::none;  ///< How the normal distribution is computed.
};

/// x times the normal distribution of x. Source: torch.nn.GELU.
class GELU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  GELU() : GELU(GELUOptions{}) {}
  /// The same, for `GELU({})`.
  explicit GELU(NoOptions) : GELU() {}
  /// A layer of these options.
  explicit GELU(const GELUOptions& options)
      : ActivationLayer(
            "GELU", {.kind = options.approximate == GELUApproximate::tanh ? kernels::ActivationKind::gelu_tanh
                                                                          : kernels::ActivationKind::gelu}),
        options_(options) {}
  std::string extra_repr() const override {
    return options_.approximate == GELUApproximate::tanh ? "approximate='tanh'" : "approximate='none'";
  }

 private:
  GELUOptions options_;
};

/// x * sigmoid(x). Source: torch.nn.SiLU.
class SiLU : public ActivationLayer {
 public:
  SiLU() : ActivationLayer("SiLU", {.kind = kernels::ActivationKind::silu}) {}
};

/// x * tanh(softplus(x)). Source: torch.nn.Mish.
class Mish : public ActivationLayer {
 public:
  Mish() : ActivationLayer("Mish", {.kind = kernels::ActivationKind::mish}) {}
};

/// Options of Softplus; names and defaults are torch.nn.Softplus's.
struct SoftplusOptions {
  double beta = 1.0;        ///< How steep the bend is.
  double threshold = 20.0;  ///< Where beta * x is above it, the result is x.
};

/// log(1 + exp(beta * x)) / beta. Source: torch.nn.Softplus.
class Softplus : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  Softplus() : Softplus(SoftplusOptions{}) {}
  /// The same, for `Softplus({})`.
  explicit Softplus(NoOptions) : Softplus() {}
  /// A layer of these options.
  explicit Softplus(const SoftplusOptions& options)
      : ActivationLayer("Softplus", {.kind = kernels::ActivationKind::softplus,
                                     .a = static_cast<float>(options.beta),
                                     .b = static_cast<float>(options.threshold)}),
        options_(options) {}
  std::string extra_repr() const override {
    return "beta=" + python_repr(options_.beta) + ", threshold=" + python_repr(options_.threshold);
  }

 private:
  SoftplusOptions options_;
};

/// x / (1 + |x|). Source: torch.nn.Softsign.
class Softsign : public ActivationLayer {
 public:
  Softsign() : ActivationLayer("Softsign", {.kind = kernels::ActivationKind::softsign}) {}
};

/// log(sigmoid(x)). Source: torch.nn.LogSigmoid.
class LogSigmoid : public ActivationLayer {
 public:
  LogSigmoid() : ActivationLayer("LogSigmoid", {.kind = kernels::ActivationKind::logsigmoid}) {}
};

/// x - tanh(x). Source: torch.nn.Tanhshrink.
class Tanhshrink : public ActivationLayer {
 public:
  Tanhshrink() : ActivationLayer("Tanhshrink", {.kind = kernels::ActivationKind::tanhshrink}) {}
};

/// Options of GLU; the name and the default are torch.nn.GLU's.
struct GLUOptions {
  std::int64_t dim = -1;  ///< The dimension that is halved; negative counts from the back.
};

/// The first half of x along `dim` times the sigmoid of the second. Shape: y as x, half as much along `dim`.
/// Source: torch.nn.GLU.
class GLU : public Network {
 public:
  /// With PyTorch's defaults.
  GLU() : GLU(GLUOptions{}) {}
  /// The same, for `GLU({})`.
  explicit GLU(NoOptions) : GLU() {}
  /// A layer of these options.
  explicit GLU(const GLUOptions& options) : Network("GLU"), options_(options) {}
  Value forward(Value x) const override { return glu(x, options_.dim, {}); }
  std::string extra_repr() const override { return "dim=" + std::to_string(options_.dim); }
  using Network::forward;

 private:
  GLUOptions options_;
};

}  // namespace upconv
