#pragma once

#include <cstdint>
#include <string>

#include <upconv/framework/module.h>

namespace upconv {

/// Options of Linear; names and defaults are torch.nn.Linear's.
struct LinearOptions {
  std::int64_t in_features = 0;   ///< Size of x's last dimension.
  std::int64_t out_features = 0;  ///< Size of y's last dimension.
  bool bias = true;               ///< With a bias.
};

/// Fully connected layer: y = x W^T + b over the last dimension.
/// Shape: x [...,in_features]; weight [out_features,in_features]; bias [out_features]; y [...,out_features].
/// DType: f32, f16, bf16, accumulated in f32.
/// Execution: deterministic; scratch from ctx.
/// Throws: ArgumentError on impossible options; ShapeError, DTypeError, DeviceError; StateError if not
/// prepared. Source: torch.nn.Linear.
class Linear : public Module {
 public:
  /// Throws: ArgumentError on impossible options.
  explicit Linear(const LinearOptions& options);

  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;
  std::string extra_repr() const override;

 private:
  void do_initialize(ParameterId id, std::span<float> values, RandomStream& random) const override;
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override;

  LinearOptions options_;
  ParameterId weight_ = 0;
  ParameterId bias_ = 0;
};

}  // namespace upconv
