#pragma once

#include <cstdint>
#include <string>

#include <upconv/layers/pointwise_layer.h>

namespace upconv {

/// Options of BatchNorm2d; names and defaults are torch.nn.BatchNorm2d's.
struct BatchNorm2dOptions {
  std::int64_t num_features = 0;    ///< Channels.
  double eps = 1e-5;                ///< Added to the variance.
  double momentum = 0.1;            ///< Training only; accepted so that options can be copied from PyTorch.
  bool affine = true;               ///< With weight and bias.
  bool track_running_stats = true;  ///< Must be true: inference normalises with the running statistics.
};

/// Batch normalisation at inference: y = (x - running_mean) / sqrt(running_var + eps) * weight + bias, by
/// channel. Shape: x and y [N,C,H,W]; weight, bias, running_mean, running_var [C]; num_batches_tracked [] is
/// unused. DType: f32, f16, bf16, computed in f32; the parameters are f32 always, as under PyTorch's
/// autocast, since variances leave the range of f16. Execution: deterministic; may run in place. Throws:
/// ArgumentError on impossible options; ShapeError, DTypeError, DeviceError; StateError if not prepared.
/// Source: torch.nn.BatchNorm2d in eval mode.
class BatchNorm2d : public PointwiseLayer {
 public:
  /// Throws: ArgumentError on impossible options.
  explicit BatchNorm2d(const BatchNorm2dOptions& options);

  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string extra_repr() const override;
  kernels::Epilogue epilogue(const ExecutionContext& ctx) const override;
  kernels::EpilogueForm form() const override { return {.affine = true}; }
  bool goes_by_channel() const override { return true; }

 private:
  std::unique_ptr<const Prepared> prepare_for(ExecutionContext& ctx) const override;

  BatchNorm2dOptions options_;
  ParameterId weight_ = 0;
  ParameterId bias_ = 0;
  ParameterId running_mean_ = 0;
  ParameterId running_var_ = 0;
};

}  // namespace upconv
