#pragma once

#include <string>

#include <upconv/layers/activation.h>
#include <upconv/layers/python_repr.h>

/// Activations made of straight lines.
namespace upconv {

/// min(max(x, 0), 6). Source: torch.nn.ReLU6.
class ReLU6 : public ActivationLayer {
 public:
  ReLU6() : ActivationLayer("ReLU6", {.kind = kernels::ActivationKind::clamp, .a = 0.0f, .b = 6.0f}) {}
};

/// Options of Hardtanh; names and defaults are torch.nn.Hardtanh's.
struct HardtanhOptions {
  double min_val = -1.0;  ///< The lower bound.
  double max_val = 1.0;   ///< The upper bound, which must be the greater one.
};

/// min(max(x, min_val), max_val). Source: torch.nn.Hardtanh.
class Hardtanh : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  Hardtanh() : Hardtanh(HardtanhOptions{}) {}
  /// The same, for `Hardtanh({})`.
  explicit Hardtanh(NoOptions) : Hardtanh() {}
  /// Throws: ArgumentError on impossible options.
  explicit Hardtanh(const HardtanhOptions& options);
  std::string extra_repr() const override {
    return "min_val=" + python_repr(options_.min_val) + ", max_val=" + python_repr(options_.max_val);
  }

 private:
  HardtanhOptions options_;
};

/// x * hardsigmoid(x). Source: torch.nn.Hardswish.
class Hardswish : public ActivationLayer {
 public:
  Hardswish() : ActivationLayer("Hardswish", {.kind = kernels::ActivationKind::hardswish}) {}
};

/// min(max(x + 3, 0), 6) / 6. Source: torch.nn.Hardsigmoid.
class Hardsigmoid : public ActivationLayer {
 public:
  Hardsigmoid() : ActivationLayer("Hardsigmoid", {.kind = kernels::ActivationKind::hardsigmoid}) {}
};

/// Options of Threshold; names are torch.nn.Threshold's, which has no defaults.
struct ThresholdOptions {
  double threshold = 0.0;  ///< What x must be above.
  double value = 0.0;      ///< The result elsewhere.
};

/// x if x > threshold, else value. Source: torch.nn.Threshold.
class Threshold : public ActivationLayer {
 public:
  /// A layer of these options.
  explicit Threshold(const ThresholdOptions& options)
      : ActivationLayer("Threshold", {.kind = kernels::ActivationKind::threshold,
                                      .a = static_cast<float>(options.threshold),
                                      .b = static_cast<float>(options.value)}),
        options_(options) {}
  std::string extra_repr() const override {
    return "threshold=" + python_repr(options_.threshold) + ", value=" + python_repr(options_.value);
  }

 private:
  ThresholdOptions options_;
};

/// Options of Softshrink; names and defaults are torch.nn.Softshrink's.
struct SoftshrinkOptions {
  double lambd = 0.5;  ///< By how much x is moved towards zero; not negative.
};

/// x moved towards zero by lambd, and 0 where it would pass it. Source: torch.nn.Softshrink.
class Softshrink : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  Softshrink() : Softshrink(SoftshrinkOptions{}) {}
  /// The same, for `Softshrink({})`.
  explicit Softshrink(NoOptions) : Softshrink() {}
  /// Throws: ArgumentError on impossible options.
  explicit Softshrink(const SoftshrinkOptions& options);
  std::string extra_repr() const override { return python_repr(options_.lambd); }

 private:
  SoftshrinkOptions options_;
};

/// Options of Hardshrink; names and defaults are torch.nn.Hardshrink's.
struct HardshrinkOptions {
  double lambd = 0.5;  ///< Up to which magnitude the result is 0.
};

/// 0 where |x| <= lambd, else x. Source: torch.nn.Hardshrink.
class Hardshrink : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  Hardshrink() : Hardshrink(HardshrinkOptions{}) {}
  /// The same, for `Hardshrink({})`.
  explicit Hardshrink(NoOptions) : Hardshrink() {}
  /// A layer of these options.
  explicit Hardshrink(const HardshrinkOptions& options)
      : ActivationLayer("Hardshrink", {.kind = kernels::ActivationKind::hardshrink,
                                       .a = static_cast<float>(options.lambd)}),
        options_(options) {}
  std::string extra_repr() const override { return python_repr(options_.lambd); }

 private:
  HardshrinkOptions options_;
};

/// Options of RReLU; names and defaults are torch.nn.RReLU's.
struct RReLUOptions {
  double lower = 1.0 / 8;  ///< The least slope that training draws.
  double upper = 1.0 / 3;  ///< The greatest; not less than `lower`.
};

/// LeakyReLU with the mean of two slopes: what torch.nn.RReLU does outside training. Source: torch.nn.RReLU.
class RReLU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  RReLU() : RReLU(RReLUOptions{}) {}
  /// The same, for `RReLU({})`.
  explicit RReLU(NoOptions) : RReLU() {}
  /// Throws: ArgumentError on impossible options.
  explicit RReLU(const RReLUOptions& options);
  std::string extra_repr() const override {
    return "lower=" + python_repr(options_.lower) + ", upper=" + python_repr(options_.upper);
  }

 private:
  RReLUOptions options_;
};

}  // namespace upconv
