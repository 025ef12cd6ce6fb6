#pragma once

#include <cuda_fp16.h>

#include <upconv/kernels/cuda/device/direct_fragment.cuh>

/// How fp32 elements become sums of numbers that the matrix units take, at any magnitude.
///
/// In f16, x * 2^s = h + l * 2^-11: s lets the largest magnitude of the quad that shares the products' rows
/// be in [2^14, 2^15). Down to 2^-14, over 28 binary orders, h and l hold 22 bits or more. What is smaller is
/// left for another pass over the same chunk, with an s of its own: rare in practice, but no input is
/// computed worse than another. In TF32, x = h + l, and only numbers near the denormals are scaled, since
/// their l is no TF32 number.
namespace upconv::kernels::cuda::device {

/// True if `flag` is set in any thread of the consumer's 128. All of them wait for each other.
__device__ __forceinline__ bool any_of_consumer(bool flag, int consumer) {
  int any;
  asm volatile(
      "{\n"
      ".reg .pred mine, all;\n"
      "setp.ne.b32 mine, %1, 0;\n"
      "barrier.cta.red.or.pred all, %2, 128, mine;\n"
      "selp.b32 %0, 1, 0, all;\n"
      "}\n"
      : "=r"(any)
      : "r"(static_cast<int>(flag)), "r"(consumer + 1)
      : "memory");
  return any != 0;
}

/// 2^exponent of a normal float.
__device__ __forceinline__ float power_of_two(int exponent) {
  return __int_as_float((exponent + 127) << 23);
}

template <class Traits>
struct Split;

/// For other arithmetic: nothing.
template <class Traits>
requires(!Traits::kSplit) struct Split<Traits> {
  static constexpr bool more = false;
  __device__ __forceinline__ std::uint32_t apply(Window<Traits>& window, int) {
    std::uint32_t bits = 0;
    window.for_each([&](std::uint32_t x) { bits |= x; });
    convert(window);
    return bits;
  }
};

template <class Traits>
requires(Traits::kWide) struct Split<Traits> {
  static constexpr bool more = false;
  int exponent = 0;  // the elements were multiplied by 2^-exponent

  __device__ __forceinline__ std::uint32_t apply(Window<Traits>& window, int) {
    std::uint32_t bits = 0;
    window.for_each([&](std::uint32_t x) { bits |= x; });
    const bool tiny = __all_sync(0xffffffffu, (bits & 0x60000000u) == 0);  // all magnitudes below 2^-63
    exponent = tiny ? -63 : 0;
    if (tiny) window.for_each([](std::uint32_t& x) { x = __float_as_uint(__uint_as_float(x) * 0x1p63f); });
    return bits;
  }
};

template <class Traits>
requires(Traits::kPairs) struct Split<Traits> {
  int exponent = 0;   // the elements were multiplied by 2^-exponent
  bool more = false;  // smaller ones are left; the same in all threads of the consumer
  float ceiling = 0;  // if so, they are below this

  /// Splits in place what the window holds below the ceiling of the pass before: afterwards channels 2h and
  /// 2h
  /// + 1 are h and l of every pixel. Returns bits that depend on all of them.
  __device__ __forceinline__ std::uint32_t apply(Window<Traits>& window, int consumer) {
    const bool again = more;
    const float below = again ? ceiling : __int_as_float(0x7f800000);
    float largest = 0.0f;
    std::uint32_t smallest = 0xffffffffu;  // of the numbers that are not zero, twice the bits less one
    window.for_each([&](std::uint32_t x) {
      largest = fmaxf(largest, fabsf(__uint_as_float(x)));
      smallest = min(smallest, 2 * x - 1);
    });
    largest = max_of_quad(largest);
    if (__any_sync(0xffffffffu, !(largest < below))) {  // another pass, or an infinity
      largest = 0.0f;
      window.for_each([&](std::uint32_t x) {
        const float magnitude = fabsf(__uint_as_float(x));
        largest = fmaxf(largest, magnitude < below ? magnitude : 0.0f);
      });
      largest = max_of_quad(largest);
    }
    const int scale = min(14 - (static_cast<int>(__float_as_uint(largest) >> 23) - 127), 126);
    exponent = -scale;
    // Past 2^113, even the smallest denormal has all its bits in h and l.
    const std::uint32_t floor = scale < 113 ? static_cast<std::uint32_t>(127 - 14 - scale) << 23 : 0;
    more = any_of_consumer(floor != 0 && smallest < 2 * floor - 1, consumer);
    ceiling = __uint_as_float(floor);
    if (more || again) {
      window.for_each([&](std::uint32_t& x) {
        const float magnitude = fabsf(__uint_as_float(x));
        if (magnitude < ceiling || (again && magnitude >= below)) x = 0;
      });
    }
    split(window, power_of_two(scale));
    std::uint32_t bits = 0;
    window.for_each([&](std::uint32_t x) { bits |= x; });
    return bits;
  }

 private:
  __device__ static __forceinline__ float max_of_quad(float x) {
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
  }

  __device__ static __forceinline__ void split(Window<Traits>& window, float scale) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
#pragma unroll
      for (int i = Traits::kSkipped; i < Traits::kSkipped + Traits::kColumns; ++i) {
        std::uint32_t &first = window.x[2 * h][i], &second = window.x[2 * h + 1][i];
        const float2 x{__uint_as_float(first) * scale, __uint_as_float(second) * scale};
        const __half2 high = __float22half2_rn(x);
        const float2 back = __half22float2(high);
        const __half2 low = __floats2half2_rn((x.x - back.x) * 0x1p11f, (x.y - back.y) * 0x1p11f);
        first = *reinterpret_cast<const std::uint32_t*>(&high);
        second = *reinterpret_cast<const std::uint32_t*>(&low);
      }
    }
  }
};

/// sum += acc * 2^exponent, for any exponent of two elements'.
template <int kCount>
__device__ __forceinline__ void add_scaled(float (&sum)[kCount], float (&acc)[kCount], int exponent) {
  const int main = min(max(exponent, -126), 127);
  if (const int rest = exponent - main; rest != 0) {
    const float factor = power_of_two(min(max(rest, -126), 127));
#pragma unroll
    for (float& x : acc)
      x *= factor;
  }
  const float factor = power_of_two(main);
#pragma unroll
  for (int i = 0; i < kCount; ++i)
    sum[i] = fmaf(acc[i], factor, sum[i]);
}

}  // namespace upconv::kernels::cuda::device
