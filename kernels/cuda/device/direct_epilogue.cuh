#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <upconv/kernels/cuda/device/direct_traits.cuh>

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

/// Stores without a branch, so that a row's stores stay one block of instructions. They are not read again
/// here.
__device__ __forceinline__ void store_if(bool wanted, void* to, float4 v) {
  asm volatile(
      "{.reg .pred p;\nsetp.ne.b32 p, %5, 0;\n@p st.global.cs.v4.f32 [%0], {%1, %2, %3, %4};\n}\n" ::"l"(to),
      "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w), "r"(static_cast<int>(wanted))
      : "memory");
}
__device__ __forceinline__ void store_if(bool wanted, void* to, float2 v) {
  asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %3, 0;\n@p st.global.cs.v2.f32 [%0], {%1, %2};\n}\n" ::"l"(to),
               "f"(v.x), "f"(v.y), "r"(static_cast<int>(wanted))
               : "memory");
}

__device__ __forceinline__ void store_if(bool wanted, void* to, float v) {
  asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %2, 0;\n@p st.global.cs.f32 [%0], %1;\n}\n" ::"l"(to), "f"(v),
               "r"(static_cast<int>(wanted))
               : "memory");
}

/// Stores kRun consecutive pixels, of which those before `valid` lie in the image. kVectors: all or none do,
/// and y is aligned.
template <class Traits, bool kVectors>
__device__ __forceinline__ void store_run(typename Traits::Element* y, const float (&v)[Traits::kRun],
                                          int valid) {
  constexpr int kRun = Traits::kRun;
  if constexpr (Traits::kHalves) {
    std::uint32_t pairs[kRun / 2];
#pragma unroll
    for (int i = 0; i < kRun / 2; ++i)
      pairs[i] = pack_pair<Traits::kArithmetic>(v[2 * i], v[2 * i + 1]);
    if constexpr (kVectors) {
      if constexpr (kRun == 4) {
        store_if(valid > 0, y, make_float2(__uint_as_float(pairs[0]), __uint_as_float(pairs[1])));
      } else {
        store_if(valid > 0, y, __uint_as_float(pairs[0]));
      }
    } else {
#pragma unroll
      for (int i = 0; i < kRun; ++i) {
        if (i < valid) y[i] = static_cast<std::uint16_t>(i % 2 == 0 ? pairs[i / 2] : pairs[i / 2] >> 16);
      }
    }
  } else if constexpr (kVectors) {
    if constexpr (kRun == 4) {
      store_if(valid > 0, y, make_float4(v[0], v[1], v[2], v[3]));
    } else {
      store_if(valid > 0, y, make_float2(v[0], v[1]));
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
__device__ __forceinline__ void load_epilogue(DirectShared<Traits>& shared, const DirectArguments& p,
                                              int group, int co0, int thread) {
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

/// Where a thread's pixels of output row 0 go, fixed for a strip.
template <class Traits>
struct OutputRun {
  typename Traits::Element* y;  // [co][oh][ow], at the thread's first channel and pixel
  std::int64_t plane;
  int channels;  // those before it exist, counted from the thread's first
  int valid;     // so do those pixels before it

  __device__ __forceinline__ OutputRun(const DirectArguments& p, const DirectItem& item, int group, int co0,
                                       int column, int lane) {
    const int co = co0 + 2 * (lane % 4);
    plane = static_cast<std::int64_t>(p.oh) * p.ow;
    y = static_cast<typename Traits::Element*>(p.y) +
        ((static_cast<std::int64_t>(item.n) * p.groups + group) * p.co + co) * plane +
        static_cast<std::int64_t>(item.oh0) * p.ow + item.ow0 + column;
    channels = p.co - co;
    valid = p.ow - (item.ow0 + column);
  }
};

/// The finished row: the accumulators of the last kh, plus bias, through `activate(value, slope)`.
template <class Traits, bool kVectors, class Activate>
__device__ __forceinline__ void store_row(const DirectShared<Traits>& shared, const OutputRun<Traits>& out,
                                          const float (&d)[Traits::kBlocks][Traits::kN / 2], int lane,
                                          Activate&& activate) {
  constexpr int kSlot = (Traits::kKh - 1) * Traits::kCo / 2;
  float2 bias[Traits::kCo / 8], slopes[Traits::kCo / 8];
#pragma unroll
  for (int j = 0; j < Traits::kCo / 8; ++j) {
    bias[j] = *reinterpret_cast<const float2*>(&shared.bias[8 * j + 2 * (lane % 4)]);
    slopes[j] = *reinterpret_cast<const float2*>(&shared.slopes[8 * j + 2 * (lane % 4)]);
  }
  float v[Traits::kCo / 4][Traits::kRun];
#pragma unroll
  for (int j = 0; j < Traits::kCo / 4; ++j) {
    const float b = j % 2 == 0 ? bias[j / 2].x : bias[j / 2].y,
                slope = j % 2 == 0 ? slopes[j / 2].x : slopes[j / 2].y;
#pragma unroll
    for (int i = 0; i < Traits::kRun; ++i)
      v[j][i] = activate(d[i % Traits::kBlocks][kSlot + 4 * (j / 2) + 2 * (i / Traits::kBlocks) + j % 2] + b,
                         slope);
  }
#pragma unroll
  for (int j = 0; j < Traits::kCo / 4; ++j) {
    const int co = 8 * (j / 2) + j % 2;
    store_run<Traits, kVectors>(out.y + co * out.plane, v[j], co < out.channels ? out.valid : 0);
  }
}

/// One branch a row, not one an element: the whole row is on the path from one row's products to the next.
template <class Traits, bool kVectors>
__device__ __forceinline__ void store_row(const DirectShared<Traits>& shared, const OutputRun<Traits>& out,
                                          const float (&d)[Traits::kBlocks][Traits::kN / 2], int lane,
                                          Epilogue kind) {
  const auto store = [&](auto&& activate) { store_row<Traits, kVectors>(shared, out, d, lane, activate); };
  switch (kind) {
    case Epilogue::none:
      return store([](float x, float) { return x; });
    case Epilogue::relu:
      return store([](float x, float) { return x < 0.0f ? 0.0f : x; });
    case Epilogue::leaky_relu:
    case Epilogue::prelu:
      return store([](float x, float slope) { return x < 0.0f ? x * slope : x; });
    case Epilogue::sigmoid:
      return store([](float x, float) { return __fdividef(1.0f, 1.0f + expf(-x)); });
    case Epilogue::tanh:
      return store([](float x, float) { return tanhf(x); });
  }
}

}  // namespace upconv::kernels::cuda::device
