#pragma once

#include <upconv/kernels/cuda/device/element.cuh>

namespace upconv::kernels::cuda::device {

enum class Function : unsigned char { none, relu, leaky, sigmoid, tanh };

/// An activation as kernels take it: LeakyReLU and PReLU are one function, with a slope for all or by
/// channel.
template <class T>
struct ActivationParams {
  Function function = Function::none;
  float slope = 0.0f;
  const T* slopes = nullptr;  // null: `slope` for every channel
  int slopes_step = 0;        // 0: slopes[0] for every channel; 1: slopes[channel]

  __device__ float slope_of(long long channel) const {
    return slopes == nullptr ? slope : to_float(slopes[channel * slopes_step]);
  }
};

/// NaN passes through every function, as in PyTorch.
__device__ inline float activate(Function function, float value, float slope) {
  switch (function) {
    case Function::none:
      return value;
    case Function::relu:
      return value < 0.0f ? 0.0f : value;
    case Function::leaky:
      return value > 0.0f ? value : value * slope;  // PyTorch's: 0 times an infinite slope is NaN
    case Function::sigmoid:
      return 1.0f / (1.0f + expf(-value));
    case Function::tanh:
      return tanhf(value);
  }
  return value;
}

/// The same for epilogues, which stand unrolled many times in a kernel: the long functions are called.
__device__ __noinline__ static float activate_smooth(Function function, float value) {
  return activate(function, value, 0.0f);
}
__device__ inline float activate_compact(Function function, float value, float slope) {
  if (function == Function::none) return value;
  if (function == Function::relu) return activate(Function::relu, value, slope);
  if (function == Function::leaky) return activate(Function::leaky, value, slope);
  return activate_smooth(function, value);
}

}  // namespace upconv::kernels::cuda::device
