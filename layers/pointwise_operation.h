#pragma once

#include <memory>
#include <string>

#include <upconv/framework/operation.h>
#include <upconv/layers/activation.h>

namespace upconv {

/// An activation as a step of a network: a layer's, or a function's. A convolution before it takes it over.
/// Internal: not installed.
class PointwiseOperation : public Operation {
 public:
  explicit PointwiseOperation(const ActivationLayer& layer) : layer_(&layer) {}
  /// A function without parameters; `layer` says which, and needs no preparing.
  explicit PointwiseOperation(std::shared_ptr<const ActivationLayer> layer, std::string name)
      : layer_(layer.get()), function_(std::move(layer)), name_(std::move(name)) {}

  const void* family() const override { return &kFamily; }
  /// `operation` as one of this class, or null.
  static const PointwiseOperation* from(const Operation& operation) {
    return operation.family() == &kFamily ? static_cast<const PointwiseOperation*>(&operation) : nullptr;
  }

  std::string name() const override { return function_ == nullptr ? layer_->display_name() : name_; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    return layer_->output_spec(operands[0]);
  }
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(layer_->kernel(operands[0], ctx));
  }
  bool runs_in_place(std::size_t) const override { return true; }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    check_prepared(ctx);
    layer_->run(operands[0], y, ctx);
  }

  void check_prepared(const ExecutionContext& ctx) const {
    if (function_ == nullptr) layer_->check_prepared(ctx);
  }
  kernels::Activation activation(const ExecutionContext& ctx) const { return layer_->activation(ctx); }
  bool fits_epilogue(const Shape& x) const { return layer_->fits_epilogue(x); }

 private:
  static constexpr char kFamily = 0;

  const ActivationLayer* layer_;
  std::shared_ptr<const ActivationLayer> function_;  // if it is one
  std::string name_;
};

}  // namespace upconv
