#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "direct_traits.cuh"

/// Bias, activation and the store of a finished output row.
namespace upconv::kernels::cuda::device {

/// The order of kernels::ActivationKind.
enum class Epilogue : int { none, relu, leaky_relu, prelu, sigmoid, tanh };

template <Arithmetic kArithmetic>
__device__ __forceinline__ float load_as_float(const void* values, std::int64_t i) {
  if constexpr (kArithmetic == Arithmetic::f16) {
    return __half2float(static_cast<const __half*>(values)[i]);
  } else if constexpr (kArithmetic == Arithmetic::bf16) {
    return __bfloat162float(static_cast<const __nv_bfloat16*>(values)[i]);
  } else {
    return static_cast<const float*>(values)[i];
  }
}

template <Arithmetic kArithmetic>
__device__ __forceinline__ std::uint32_t pack_pair(float low, float high) {
  if constexpr (kArithmetic == Arithmetic::f16) {
    const __half2 pair = __floats2half2_rn(low, high);
    return *reinterpret_cast<const std::uint32_t*>(&pair);
  } else {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const std::uint32_t*>(&pair);
  }
}

/// Stores kRun consecutive pixels, of which those before `valid` lie in the image.
template <class Traits>
__device__ __forceinline__ void store_run(typename Traits::Element* y, const float (&v)[Traits::kRun], int valid,
                                          bool vectors) {
  constexpr int kRun = Traits::kRun;
  if constexpr (Traits::kHalves) {
    std::uint32_t pairs[kRun / 2];
#pragma unroll
    for (int i = 0; i < kRun / 2; ++i)
      pairs[i] = pack_pair<Traits::kArithmetic>(v[2 * i], v[2 * i + 1]);
    if (vectors) {
      if (valid > 0) __stcs(reinterpret_cast<uint2*>(y), make_uint2(pairs[0], pairs[1]));
      return;
    }
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      if (i < valid) y[i] = static_cast<std::uint16_t>(i % 2 == 0 ? pairs[i / 2] : pairs[i / 2] >> 16);
    }
  } else if (vectors) {
    if (valid <= 0) return;
    if constexpr (kRun == 4) {
      __stcs(reinterpret_cast<float4*>(y), make_float4(v[0], v[1], v[2], v[3]));
    } else {
      __stcs(reinterpret_cast<float2*>(y), make_float2(v[0], v[1]));
    }
  } else {
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      if (i < valid) y[i] = v[i];
    }
  }
}

/// The constants of the block's channels, once, by all threads of the block.
template <class Traits>
__device__ __forceinline__ void load_epilogue(DirectShared<Traits>& shared, const DirectArguments& p, int group,
                                              int co0, int thread) {
  if (thread >= Traits::kCo) return;
  const int co = min(co0 + thread, p.co - 1);
  const std::int64_t channel = static_cast<std::int64_t>(group) * p.co + co;
  shared.bias[thread] = p.bias ? load_as_float<Traits::kArithmetic>(p.bias, channel) : 0.0f;
  float slope = 1.0f;
  if (p.activation == static_cast<int>(Epilogue::leaky_relu)) slope = p.negative_slope;
  if (p.activation == static_cast<int>(Epilogue::prelu))
    slope = load_as_float<Traits::kArithmetic>(p.slopes, channel * p.slope_stride);
  shared.slopes[thread] = slope;
}

/// Row oh of the strip from the accumulators of the last kh. d[block][j]: the products' registers of that kh.
template <class Traits>
__device__ __forceinline__ void store_row(const DirectShared<Traits>& shared, const DirectArguments& p,
                                          const float (&d)[Traits::kBlocks][Traits::kN / 2], int group, int co0,
                                          const DirectItem& item, int oh, int column, int lane) {
  constexpr int kSlot = (Traits::kKh - 1) * Traits::kCo / 2;
  const int valid = p.ow - (item.ow0 + column);
  const std::int64_t plane = static_cast<std::int64_t>(p.oh) * p.ow;
  auto* y = static_cast<typename Traits::Element*>(p.y) +
      ((static_cast<std::int64_t>(item.n) * p.groups + group) * p.co + co0) * plane +
      static_cast<std::int64_t>(oh) * p.ow + item.ow0 + column;  // [co][oh][ow], at the thread's run
  const auto kind = static_cast<Epilogue>(p.activation);
#pragma unroll
  for (int j = 0; j < Traits::kCo / 8; ++j) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int co = 8 * j + 2 * (lane % 4) + e;
      const float bias = shared.bias[co], slope = shared.slopes[co];
      float v[Traits::kRun];
#pragma unroll
      for (int i = 0; i < Traits::kRun; ++i) {
        v[i] = d[i % Traits::kBlocks][kSlot + 4 * j + 2 * (i / Traits::kBlocks) + e] + bias;
      }
      if (kind == Epilogue::sigmoid) {
#pragma unroll
        for (int i = 0; i < Traits::kRun; ++i)
          v[i] = __fdividef(1.0f, 1.0f + expf(-v[i]));
      } else if (kind == Epilogue::tanh) {
#pragma unroll
        for (int i = 0; i < Traits::kRun; ++i)
          v[i] = tanhf(v[i]);
      } else if (kind != Epilogue::none) {
#pragma unroll
        for (int i = 0; i < Traits::kRun; ++i)
          v[i] = v[i] < 0.0f ? (kind == Epilogue::relu ? 0.0f : v[i] * slope) : v[i];
      }
      if (co0 + co < p.co) store_run<Traits>(y + co * plane, v, valid, p.vectors);
    }
  }
}

}  // namespace upconv::kernels::cuda::device
