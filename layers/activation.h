#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/module.h>
#include <upconv/kernels/activation.h>

namespace upconv {

/// What the elementwise layers share. Shape: y as x, any rank. DType: f32, f16, bf16, computed in f32.
/// Execution: deterministic; may run in place; a network joins it with a convolution before it.
/// Throws: ShapeError, DTypeError, DeviceError; StateError if not prepared.
class ActivationLayer : public Module {
 public:
  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;
  bool runs_in_place() const override { return true; }

  /// The function itself, with slopes on the context's device. Throws: StateError if it has slopes and is not
  /// prepared for the context.
  virtual kernels::Activation activation(const ExecutionContext&) const { return {.kind = kind_}; }
  /// False if a convolution's output channels are not the channels that this layer would see for such an
  /// input.
  virtual bool fits_epilogue(const Shape&) const { return true; }

 protected:
  /// A layer of this class name that applies this function.
  ActivationLayer(std::string type_name, kernels::ActivationKind kind)
      : Module(std::move(type_name)), kind_(kind) {}

  /// Which function it applies.
  kernels::ActivationKind kind() const { return kind_; }

 private:
  friend class PointwiseOperation;

  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override { run(x, y, ctx); }
  std::shared_ptr<const Operation> operation() const override;
  void run(ConstTensorView x, TensorView y, ExecutionContext& ctx) const;
  std::string_view kernel(const TensorSpec& x, const ExecutionContext& ctx) const;
  kernels::ActivationProblem problem_for(const TensorSpec& x) const;

  kernels::ActivationKind kind_;
};

/// max(x, 0). Source: torch.nn.ReLU.
class ReLU : public ActivationLayer {
 public:
  ReLU() : ActivationLayer("ReLU", kernels::ActivationKind::relu) {}
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
  kernels::Activation activation(const ExecutionContext& ctx) const override;
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
class PReLU : public ActivationLayer {
 public:
  /// With PyTorch's defaults.
  PReLU() : PReLU(PReLUOptions{}) {}
  /// The same, for `PReLU({})`.
  explicit PReLU(NoOptions) : PReLU() {}
  /// Throws: ArgumentError on impossible options.
  explicit PReLU(const PReLUOptions& options);
  TensorSpec output_spec(const TensorSpec& x) const override;
  kernels::Activation activation(const ExecutionContext& ctx) const override;
  std::string extra_repr() const override;
  bool fits_epilogue(const Shape& x) const override;

 private:
  PReLUOptions options_;
  ParameterId weight_ = 0;
};

/// 1 / (1 + exp(-x)). Source: torch.nn.Sigmoid.
class Sigmoid : public ActivationLayer {
 public:
  Sigmoid() : ActivationLayer("Sigmoid", kernels::ActivationKind::sigmoid) {}
};

/// tanh(x). Source: torch.nn.Tanh.
class Tanh : public ActivationLayer {
 public:
  Tanh() : ActivationLayer("Tanh", kernels::ActivationKind::tanh) {}
};

}  // namespace upconv
