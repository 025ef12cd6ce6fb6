#include <memory>

#include <upconv/framework/recording.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/pointwise.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

namespace {

template <class Layer>
Value record(const char* name, Layer layer, const Value& x, SourceLocation where) {
  auto function = std::make_shared<const Layer>(std::move(layer));
  return Recording::call(std::make_shared<PointwiseOperation>(std::move(function), name), {&x, 1}, where);
}

}  // namespace

Value relu(const Value& x, SourceLocation where) {
  return record("relu", ReLU(), x, where);
}

Value leaky_relu(const Value& x, double negative_slope, SourceLocation where) {
  return record("leaky_relu", LeakyReLU({.negative_slope = negative_slope}), x, where);
}

Value sigmoid(const Value& x, SourceLocation where) {
  return record("sigmoid", Sigmoid(), x, where);
}

Value tanh(const Value& x, SourceLocation where) {
  return record("tanh", Tanh(), x, where);
}

}  // namespace upconv
