#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/activation.cuh>

/// The epilogue of kernels/epilogue.h on the device.
namespace upconv::kernels::cuda::device {

/// What a channel sets: first(scale * x + shift), where shift holds the bias, and the parameter `a` of both
/// activations.
struct alignas(16) ChannelConstants {
  float scale, shift, first_a, second_a;
};

/// Plain data, filled by device_epilogue. T is y's type.
struct DeviceEpilogue {
  const void* bias = nullptr;    // [channels] of T, or null
  const float* scale = nullptr;  // [channels], or null, and so is shift
  const float* shift = nullptr;
  DeviceActivation first, second;
  float factor = 1.0f, offset = 0.0f;
  const void* residual = nullptr;  // y's elements, of T, or null
  float residual_factor = 1.0f;
  bool scaled = false;      // whether factor or offset is there
  bool tail = false;        // whether anything follows `first`
  bool by_channel = false;  // whether constants_of depends on the channel

  template <class T>
  __device__ __forceinline__ ChannelConstants constants_of(long long channel) const {
    // x + -0 is x, if x is a zero, too.
    const float added = bias == nullptr ? -0.0f : to_float(static_cast<const T*>(bias)[channel]);
    ChannelConstants constants{1.0f, added, first.a_of<T>(channel), second.a_of<T>(channel)};
    if (scale != nullptr) {
      constants.scale = scale[channel];
      // Without a bias there is no product: an infinite scale times nothing would be a NaN.
      constants.shift = bias == nullptr ? shift[channel] : fmaf(constants.scale, added, shift[channel]);
    }
    return constants;
  }

  /// What follows `first`: `value` came out of it, `added` is the residual's element.
  __device__ __forceinline__ float scale_and_add(float value, float added) const {
    if (scaled) value = fmaf(factor, value, offset);
    return residual == nullptr ? value : fmaf(residual_factor, added, value);
  }

  /// The whole ladder for a thread's sums of one channel. `added`: the residual's elements, if there is one.
  template <int kCount>
  __device__ __forceinline__ void finish_run(float (&v)[kCount], const ChannelConstants& c,
                                             const float (&added)[kCount]) const {
#pragma unroll
    for (float& x : v)
      x = fmaf(x, c.scale, c.shift);
    activate_run(v, first.kind, c.first_a, first.b);
    if (!tail) return;
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      v[i] = scale_and_add(v[i], added[i]);
    activate_run(v, second.kind, c.second_a, second.b);
  }

  /// The whole ladder for one sum, which is element `at` of y.
  template <class T>
  __device__ __forceinline__ float finish(float sum, const ChannelConstants& c, std::int64_t at) const {
    float v[1] = {sum};
    const float added[1] = {residual == nullptr ? 0.0f : to_float(static_cast<const T*>(residual)[at])};
    finish_run(v, c, added);
    return v[0];
  }

  /// Bias, scale, shift and one of the activations that kernels on warpgroup products have, without a call.
  __device__ __forceinline__ float finish_inline(float sum, const ChannelConstants& c) const {
    const float x = fmaf(sum, c.scale, c.shift);
    switch (first.kind) {
      case Kind::relu:
        return activate<Kind::relu>(x, c.first_a, 0.0f);
      case Kind::leaky_relu:
        return activate<Kind::leaky_relu>(x, c.first_a, 0.0f);
      case Kind::sigmoid:
        return activate<Kind::sigmoid>(x, c.first_a, 0.0f);
      case Kind::tanh:
        return activate<Kind::tanh>(x, c.first_a, 0.0f);
      default:
        return x;
    }
  }
};

}  // namespace upconv::kernels::cuda::device
