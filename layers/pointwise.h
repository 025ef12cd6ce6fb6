#pragma once

#include <upconv/framework/value.h>

/// Activations as functions on Values, with PyTorch's names and defaults. A convolution just before one
/// applies it on the way out. DType: f32, f16, bf16, computed in f32. Execution: deterministic; in place
/// where the plan allows it. Throws: DTypeError; StateError for a Value of another recording.
namespace upconv {

/// max(x, 0). Source: torch.nn.functional.relu.
Value relu(const Value& x, SourceLocation where = SourceLocation::here());
/// x if x >= 0, else negative_slope * x. Source: torch.nn.functional.leaky_relu.
Value leaky_relu(const Value& x, double negative_slope = 0.01, SourceLocation where = SourceLocation::here());
/// 1 / (1 + exp(-x)). Source: torch.sigmoid.
Value sigmoid(const Value& x, SourceLocation where = SourceLocation::here());
/// tanh(x). Source: torch.tanh.
Value tanh(const Value& x, SourceLocation where = SourceLocation::here());

}  // namespace upconv
