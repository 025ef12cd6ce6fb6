#pragma once

#include <string>

#include <upconv/framework/module.h>
#include <upconv/kernels/pointwise.h>

namespace upconv {

/// What layers share that compute element by element: activations and normalisation by the channel. Each is
/// one rung of kernels::Epilogue, so a network joins it with a layer before it that has an epilogue. Shape: y
/// as x, any rank. DType: f32, f16, bf16, computed in f32. Execution: deterministic; may run in place.
/// Throws: ShapeError, DTypeError, DeviceError; StateError if not prepared.
class PointwiseLayer : public Module {
 public:
  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;
  bool runs_in_place() const override { return true; }

  /// The rung alone, with its parameters on the context's device.
  virtual kernels::Epilogue epilogue(const ExecutionContext& ctx) const = 0;
  /// Which rung it is.
  virtual kernels::EpilogueForm form() const = 0;
  /// True if its parameters go by the input's dimension 1.
  virtual bool goes_by_channel() const { return false; }

 protected:
  /// A layer of this class name.
  using Module::Module;

 private:
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override;
  std::shared_ptr<const Operation> operation() const override;
};

}  // namespace upconv
