// The inner loop of the direct convolution: kM output channels by kV vectors of pixels, held in registers
// over all input channels and taps. For each tap, kV loads of x and kM broadcast weights feed kM * kV
// multiply-adds.
//
// Registers: AVX-512 and NEON have 32: 8 x 3 sums + 3 of x + 1 weight = 28. AVX2 and SSE have 16: 4 x 3 + 3
// + 1. With few output channels more vectors take their place, so that at least 8 sums hide the latency of 4
// cycles.
#if defined(UPCONV_KERNELS_CPU_CONVOLUTION_MICRO_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_CONVOLUTION_MICRO_INL_H
#undef UPCONV_KERNELS_CPU_CONVOLUTION_MICRO_INL_H
#else
#define UPCONV_KERNELS_CPU_CONVOLUTION_MICRO_INL_H
#endif

#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>
#include <upconv/kernels/cpu/convolution_taps.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
inline constexpr int kRegisters = 16;
#else
inline constexpr int kRegisters = 32;
#endif
/// Output channels of the largest register block.
inline constexpr int kChannels = kRegisters == 32 ? 8 : 4;

/// Vectors of the widest register block of m channels: m * v sums, v of x and a weight fit the registers.
constexpr int widest(int m) {
  if (kRegisters == 32) return m == 8 ? 3 : m == 4 ? 6 : m == 3 ? 7 : 8;
  return m == 8 ? 1 : m >= 3 ? 3 : m == 2 ? 4 : 6;
}

/// out[m * out_step + v * lanes] = sum over c < channels and taps t, in this order, of
/// x[start[v] + c * x_step + tap[t].x] * weight[c * weight_step + tap[t].weight + m], added one by one to
/// zero, or to what `out` holds. kFolded: m is a phase, and some taps belong to one phase only.
template <bool kFolded, int kM, int kV>
HWY_NOINLINE void micro_kernel(const MicroArguments& a, const float* weight, const std::int64_t* start,
                               float* out) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  VF sum[kM][kV];
#pragma GCC unroll 8
  for (int m = 0; m < kM; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v)
      sum[m][v] = a.continues ? hn::LoadU(d, out + m * a.out_step + v * step) : hn::Zero(d);
  }
  const float* x[kV];
#pragma GCC unroll 8
  for (int v = 0; v < kV; ++v)
    x[v] = a.x + start[v];
  for (std::int64_t c = 0; c < a.channels; ++c) {
    for (const ConvTap *tap = a.taps, *last = a.taps + a.tap_count; tap != last; ++tap) {
      const float* w = weight + tap->weight;
      if (kFolded && tap->phase != ConvTap::kEveryPhase) {
#pragma GCC unroll 8
        for (int m = 0; m < kM; ++m) {
          if (tap->phase != m) continue;
          const VF factor = hn::Set(d, w[m]);
#pragma GCC unroll 8
          for (int v = 0; v < kV; ++v)
            sum[m][v] = hn::MulAdd(hn::LoadU(d, x[v] + tap->x), factor, sum[m][v]);
        }
        continue;
      }
      VF pixels[kV];
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v)
        pixels[v] = hn::LoadU(d, x[v] + tap->x);
#pragma GCC unroll 8
      for (int m = 0; m < kM; ++m) {
        const VF factor = hn::Set(d, w[m]);
#pragma GCC unroll 8
        for (int v = 0; v < kV; ++v)
          sum[m][v] = hn::MulAdd(pixels[v], factor, sum[m][v]);
      }
    }
    weight += a.weight_step;
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v)
      x[v] += a.x_step;
  }
#pragma GCC unroll 8
  for (int m = 0; m < kM; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v)
      hn::StoreU(sum[m][v], d, out + m * a.out_step + v * step);
  }
}

/// kM output channels of all vectors of a tile, kV at a time, then the rest by smaller blocks.
template <bool kFolded, int kM, int kV>
HWY_INLINE void run_vectors(const MicroArguments& a, const float* weight, std::int64_t begin, float* out) {
  std::int64_t v = begin;
  // Four vectors are better cut two and two than three and one.
  for (; v + kV <= a.vectors && (kV != 3 || v + kV + 1 != a.vectors); v += kV)
    micro_kernel<kFolded, kM, kV>(a, weight, a.starts + v, out + v * static_cast<std::int64_t>(lanes()));
  if constexpr (kV > 1) {
    if (v < a.vectors) run_vectors<kFolded, kM, (kV + 1) / 2>(a, weight, v, out);
  }
}

/// `channels` output channels, at most kCoBlock, of all vectors of a tile; channel m goes to out + m *
/// out_step.
HWY_INLINE void run_channels(const MicroArguments& a, std::int64_t channels, const float* weight,
                             float* out) {
  for (std::int64_t m = 0; m < channels;) {
    const std::int64_t left = channels - m;
    const auto run = [&]<int kM>() HWY_ATTR {
      run_vectors<false, kM, widest(kM)>(a, weight + m, 0, out + m * a.out_step);
      m += kM;
    };
    if (kChannels == 8 && left >= 8) {
      run.template operator()<kChannels>();
    } else if (left >= 4) {
      run.template operator()<4>();
    } else if (left == 3) {
      run.template operator()<3>();
    } else if (left == 2) {
      run.template operator()<2>();
    } else {
      run.template operator()<1>();
    }
  }
}

/// The folded layout: the phases of a row in place of output channels.
HWY_INLINE void run_phases(const MicroArguments& a, std::int64_t phases, const float* weight, float* out) {
  if (phases == 2) return run_vectors<true, 2, widest(2)>(a, weight, 0, out);
  if (phases == 3) return run_vectors<true, 3, widest(3)>(a, weight, 0, out);
  if (phases == 4) return run_vectors<true, 4, widest(4)>(a, weight, 0, out);
  run_vectors<true, 8, widest(8)>(a, weight, 0, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
