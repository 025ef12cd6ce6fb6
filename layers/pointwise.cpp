#include <memory>

#include <upconv/framework/recording.h>
#include <upconv/layers/pointwise.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

using kernels::ActivationKind;

namespace {

Value record(const char* name, const kernels::Activation& activation, const Value& x, SourceLocation where) {
  Ladder ladder;
  static_cast<void>(ladder.add(activation));  // an empty ladder takes every rung
  return Recording::call(std::make_shared<PointwiseOperation>(name, std::move(ladder)), {&x, 1}, where);
}

}  // namespace

Value relu(const Value& x, SourceLocation where) {
  return record("relu", {.kind = ActivationKind::relu}, x, where);
}

Value leaky_relu(const Value& x, double negative_slope, SourceLocation where) {
  return record("leaky_relu", {.kind = ActivationKind::leaky_relu, .a = static_cast<float>(negative_slope)},
                x, where);
}

Value sigmoid(const Value& x, SourceLocation where) {
  return record("sigmoid", {.kind = ActivationKind::sigmoid}, x, where);
}

Value tanh(const Value& x, SourceLocation where) {
  return record("tanh", {.kind = ActivationKind::tanh}, x, where);
}

}  // namespace upconv
