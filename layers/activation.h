#pragma once

#include <cstdint>
#include <string>

#include <upconv/layers/pointwise_layer.h>

namespace upconv {

/// An activation as a layer.
class ActivationLayer : public PointwiseLayer {
 public:
  kernels::Epilogue epilogue(const ExecutionContext&) const override { return {.first = activation_}; }
  kernels::EpilogueForm form() const override { return {.first = activation_.kind}; }

 protected:
  /// A layer of this class name that applies this function.
  ActivationLayer(std::string type_name, const kernels::Activation& activation)
      : PointwiseLayer(std::move(type_name)), activation_(activation) {}

 private:
  kernels::Activation activation_;
};

/// max(x, 0). Source: torch.nn.ReLU.
class ReLU : public ActivationLayer {
 public:
  ReLU() : ActivationLayer("ReLU", {.kind = kernels::ActivationKind::relu}) {}
};

/// Options of LeakyReLU; names and defaults are torch.nn.LeakyReLU's.
struct LeakyReLUOptions {
  double negative_slope = 0.01;  ///< Factor for x < 0.
};

/// x if x >= 0, else negative_slope * x. Source: torch.nn.LeakyReLU.
class LeakyReLU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  LeakyReLU() : LeakyReLU(LeakyReLUOptions{}) {}
  /// The same, for `LeakyReLU({})`.
  explicit LeakyReLU(NoOptions) : LeakyReLU() {}
  /// Throws: ArgumentError on impossible options.
  explicit LeakyReLU(const LeakyReLUOptions& options);
  std::string extra_repr() const override;

 private:
  LeakyReLUOptions options_;
};

/// Options of PReLU; names and defaults are torch.nn.PReLU's.
struct PReLUOptions {
  std::int64_t num_parameters = 1;  ///< Slopes: 1, or one for each channel.
  double init = 0.25;               ///< Every slope's initial value.
};

/// x if x >= 0, else weight * x, with one learnt slope for all, or one for each channel (dimension 1, as in
/// PyTorch: of an unbatched image that is the height). Parameters: weight [num_parameters].
/// Source: torch.nn.PReLU.
class PReLU : public PointwiseLayer {
 public:
  /// With PyTorch's defaults.
  PReLU() : PReLU(PReLUOptions{}) {}
  /// The same, for `PReLU({})`.
  explicit PReLU(NoOptions) : PReLU() {}
  /// Throws: ArgumentError on impossible options.
  explicit PReLU(const PReLUOptions& options);
  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string extra_repr() const override;
  kernels::Epilogue epilogue(const ExecutionContext& ctx) const override;
  kernels::EpilogueForm form() const override { return {.first = kernels::ActivationKind::prelu}; }
  bool goes_by_channel() const override { return options_.num_parameters != 1; }

 private:
  PReLUOptions options_;
  ParameterId weight_ = 0;
};

/// 1 / (1 + exp(-x)). Source: torch.nn.Sigmoid.
class Sigmoid : public ActivationLayer {
 public:
  Sigmoid() : ActivationLayer("Sigmoid", {.kind = kernels::ActivationKind::sigmoid}) {}
};

/// tanh(x). Source: torch.nn.Tanh.
class Tanh : public ActivationLayer {
 public:
  Tanh() : ActivationLayer("Tanh", {.kind = kernels::ActivationKind::tanh}) {}
};

}  // namespace upconv
