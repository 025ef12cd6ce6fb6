#pragma once

#include <string_view>

#include <upconv/kernels/epilogue.h>

/// Elementwise functions whose options need a check, for the layers and the functions on Values of that name.
/// `name` begins the message. Throws: ArgumentError, in PyTorch's words. Internal: not installed.
namespace upconv::activation_function {

kernels::Activation celu(std::string_view name, double alpha);
kernels::Activation softshrink(std::string_view name, double lambd);
kernels::Activation rrelu(std::string_view name, double lower, double upper);
/// Neither bound may be NaN.
kernels::Activation clamp(std::string_view name, double min, double max);

}  // namespace upconv::activation_function
