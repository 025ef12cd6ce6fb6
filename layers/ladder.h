#pragma once

#include <optional>
#include <string>
#include <vector>

#include <upconv/framework/operation.h>
#include <upconv/layers/pointwise_layer.h>

namespace upconv {

/// The calls that follow a step and run in its epilogue, each on its rung of kernels::Epilogue. A call fits
/// if its rung is not below one that is taken. Internal: not installed.
class Ladder {
 public:
  /// Where a call ended up.
  enum class Rung : std::uint8_t { affine, first, scaled, residual, second };

  /// Adds a layer's rung. Returns why it does not fit, or nothing if it was added.
  std::optional<std::string> add(const PointwiseLayer& layer);
  /// Adds an activation without a layer.
  std::optional<std::string> add(const kernels::Activation& activation);
  /// Adds y = factor * x + offset.
  std::optional<std::string> add(float factor, float offset);
  /// Adds y = x + factor * residual. The residual is the step's last operand.
  std::optional<std::string> add_residual(float factor);
  /// Adds all of `next`.
  std::optional<std::string> add(const Ladder& next);
  /// Adds what `next` does with its operand `operand`; y has `shape`. Nothing is changed unless it fits.
  std::optional<std::string> add(const Operation& next, std::size_t operand, const Shape& shape,
                                 const TensorSpec* other);

  const kernels::EpilogueForm& form() const { return form_; }  ///< What was added.
  bool goes_by_channel() const;                                ///< By dimension 1 of y.
  /// Throws: StateError unless all layers are prepared for the context.
  void check_prepared(const ExecutionContext& ctx) const;
  /// The epilogue, for a residual, which is undefined if there is none.
  kernels::Epilogue epilogue(ConstTensorView residual, const ExecutionContext& ctx) const;

 private:
  struct Part {
    Rung rung;
    const PointwiseLayer* layer;
  };
  std::optional<std::string> place(kernels::ActivationKind kind, Rung& rung);

  std::vector<Part> layers_;
  kernels::Epilogue numbers_;  // what needs no layer
  kernels::EpilogueForm form_;
};

}  // namespace upconv
