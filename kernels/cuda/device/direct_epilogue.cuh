#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <upconv/kernels/cuda/device/direct_traits.cuh>

/// The epilogue and the store of a finished output row.
namespace upconv::kernels::cuda::device {

/// A tensor's elements, as CUDA names their type.
template <class Traits>
using TensorElement =
    std::conditional_t<Traits::kArithmetic == Arithmetic::f16, __half,
                       std::conditional_t<Traits::kArithmetic == Arithmetic::bf16, __nv_bfloat16, float>>;

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
__device__ __forceinline__ void store_if(bool wanted, void* to, uint4 v) {
  asm volatile(
      "{.reg .pred p;\nsetp.ne.b32 p, %5, 0;\n@p st.global.cs.v4.b32 [%0], {%1, %2, %3, %4};\n}\n" ::"l"(to),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(static_cast<int>(wanted))
      : "memory");
}
__device__ __forceinline__ void store_if(bool wanted, void* to, uint2 v) {
  asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %3, 0;\n@p st.global.cs.v2.b32 [%0], {%1, %2};\n}\n" ::"l"(to),
               "r"(v.x), "r"(v.y), "r"(static_cast<int>(wanted))
               : "memory");
}
__device__ __forceinline__ void store_if(bool wanted, void* to, std::uint32_t v) {
  asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %2, 0;\n@p st.global.cs.b32 [%0], %1;\n}\n" ::"l"(to), "r"(v),
               "r"(static_cast<int>(wanted))
               : "memory");
}
__device__ __forceinline__ void store_if(bool wanted, void* to, std::uint16_t v) {
  asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %2, 0;\n@p st.global.cs.b16 [%0], %1;\n}\n" ::"l"(to), "h"(v),
               "r"(static_cast<int>(wanted))
               : "memory");
}

/// The constants of the block's channels, once, by all threads of the block.
template <class Traits>
__device__ __forceinline__ void load_epilogue(DirectShared<Traits>& shared, const DirectArguments& p,
                                              int group, int co0, int thread) {
  if (thread >= Traits::kCo) return;
  const int co = min(co0 + thread, p.co - 1);
  const std::int64_t channel = static_cast<std::int64_t>(group) * p.co + co;
  shared.constants[thread] = p.epilogue.template constants_of<TensorElement<Traits>>(channel);
}

/// What a lane of a quad stores after an exchange of values of the quad's 4 channels (32-bit: 16 / kRun at a
/// time) or words of 8 or 16: the first channel, counted from the tile's, and the column in the run.
template <class Traits>
struct QuadPlace {
  int channel, column;

  __device__ __forceinline__ explicit QuadPlace(int quad) {
    if constexpr (Traits::kHalves) {
      constexpr int kWords = Traits::kRun / 2;
      channel = quad / kWords % 2 + quad / (2 * kWords) * 8;
      column = quad % kWords * 2;
    } else {
      channel = quad / Traits::kRun;
      column = quad % Traits::kRun;
    }
  }
};

/// Where a thread's values of output row 0 go, fixed for a strip. With vectors a thread stores its run of
/// pixels in its own channels; else the lanes of a quad exchange, so that a warp stores consecutive pixels.
template <class Traits>
struct OutputRun {
  typename Traits::Element* y;  // [co][oh][ow], at the thread's first channel and pixel
  std::int64_t plane;
  int channels;  // those before it exist, counted from the thread's first
  int valid;     // so do those pixels before it

  __device__ __forceinline__ OutputRun(const DirectArguments& p, const DirectItem& item, int group, int co0,
                                       int warp, int lane) {
    int co = co0, column = warp * (Traits::kPixels / 4) + lane / 4 * Traits::kRun;
    if (p.vectors) {
      co += 2 * (lane % 4);
    } else {
      const QuadPlace<Traits> place(lane % 4);
      co += place.channel;
      column += place.column;
    }
    plane = static_cast<std::int64_t>(p.oh) * p.ow;
    y = static_cast<typename Traits::Element*>(p.y) +
        ((static_cast<std::int64_t>(item.n) * p.groups + group) * p.co + co) * plane +
        static_cast<std::int64_t>(item.oh0) * p.ow + item.ow0 + column;
    channels = p.co - co;
    valid = p.ow - (item.ow0 + column);
  }
};

/// A thread's finished pixels of channel 8*(j/2) + 2*(lane%4) + j%2: the sums of the last kh, through
/// `finisher(sums, constants)`.
template <class Traits, class Finisher>
__device__ __forceinline__ void finish(float (&v)[Traits::kRun], const DirectShared<Traits>& shared,
                                       const float (&d)[Traits::kBlocks][Traits::kN / 2], int j, int lane,
                                       const Finisher& finisher) {
  constexpr int kLast = (Traits::kKh - 1) * Traits::kCo / 2;
#pragma unroll
  for (int i = 0; i < Traits::kRun; ++i)
    v[i] = d[i % Traits::kBlocks][kLast + 4 * (j / 2) + 2 * (i / Traits::kBlocks) + j % 2];
  finisher(v, shared.constants[8 * (j / 2) + 2 * (lane % 4) + j % 2]);
}

/// Bias, scale and shift, and one activation. The rungs behind it are refused (direct_wgmma.cpp).
template <Kind kKind>
struct RowFinisher {
  template <int kRun>
  __device__ __forceinline__ void operator()(float (&v)[kRun], const ChannelConstants& c) const {
#pragma unroll
    for (float& x : v)
      x = activate<kKind>(fmaf(x, c.scale, c.shift), c.first_a, 0.0f);
  }
};

/// Lane q of a quad gets element q of its lanes 0, 1, 2 and 3.
__device__ __forceinline__ void transpose_quad(std::uint32_t (&v)[4], int lane) {
  const auto exchange = [&](std::uint32_t& low, std::uint32_t& high, int bit) {
    const bool upper = (lane & bit) != 0;
    const std::uint32_t got = __shfl_xor_sync(0xffffffffu, upper ? low : high, bit);
    (upper ? low : high) = got;
  };
  exchange(v[0], v[1], 1), exchange(v[2], v[3], 1);
  exchange(v[0], v[2], 2), exchange(v[1], v[3], 2);
}

/// The finished values of a row, 16-bit ones in pairs.
template <class Traits>
struct FinishedRow {
  static constexpr int kWords = Traits::kHalves ? Traits::kRun / 2 : Traits::kRun;
  std::uint32_t v[Traits::kCo / 4][kWords];
};

template <class Traits, class Finisher>
__device__ __forceinline__ FinishedRow<Traits> finish_row(const DirectShared<Traits>& shared,
                                                          const float (&d)[Traits::kBlocks][Traits::kN / 2],
                                                          int lane, const Finisher& finisher) {
  FinishedRow<Traits> row;
#pragma unroll
  for (int j = 0; j < Traits::kCo / 4; ++j) {
    float v[Traits::kRun];
    finish<Traits>(v, shared, d, j, lane, finisher);
#pragma unroll
    for (int w = 0; w < FinishedRow<Traits>::kWords; ++w) {
      if constexpr (Traits::kHalves) {
        row.v[j][w] = pack_pair<Traits::kArithmetic>(v[2 * w], v[2 * w + 1]);
      } else {
        row.v[j][w] = __float_as_uint(v[w]);
      }
    }
  }
  return row;
}

template <class Traits>
__device__ __forceinline__ void store_vectors(const FinishedRow<Traits>& row, const OutputRun<Traits>& out) {
#pragma unroll
  for (int j = 0; j < Traits::kCo / 4; ++j) {
    const int co = 8 * (j / 2) + j % 2;
    const bool wanted = co < out.channels && out.valid > 0;
    auto* to = out.y + co * out.plane;
    const auto& v = row.v[j];
    if constexpr (FinishedRow<Traits>::kWords == 4) {
      store_if(wanted, to, make_uint4(v[0], v[1], v[2], v[3]));
    } else if constexpr (FinishedRow<Traits>::kWords == 2) {
      store_if(wanted, to, make_uint2(v[0], v[1]));
    } else {
      store_if(wanted, to, v[0]);
    }
  }
}

/// Rows of 16-bit values that begin anywhere: as words of two pixels, in a row that begins within a word of
/// its second and third, and so on; its first is stored alone. Quads exchange words, as below.
template <class Traits>
__device__ __forceinline__ void store_words(const FinishedRow<Traits>& row, const OutputRun<Traits>& out,
                                            int lane) {
  constexpr int kWords = FinishedRow<Traits>::kWords,
                kTogether = 4 / kWords;  // values j that make four words
  const QuadPlace<Traits> own(lane % 4);
  // Rows of every other channel begin alike, for all of the warp.
  const int odd = static_cast<int>(reinterpret_cast<std::uintptr_t>(out.y) / 2 % 2);
  const int other_odd = odd ^ static_cast<int>(out.plane % 2);
  const int shifts[2] = {16 * (own.channel % 2 == 0 ? odd : other_odd),
                         16 * (own.channel % 2 == 0 ? other_odd : odd)};
  const bool next_is_here = lane < 28 || own.column < Traits::kRun - 2 || odd == 0;
  const bool whole = out.valid > odd + 1 && next_is_here, half = out.valid > odd && !whole;
  const bool first_is_here = lane < 4 && out.valid + own.column > 0;
  auto* y = out.y + odd;
  auto* first = out.y - own.column + (2 * (lane % 4) - own.channel) * out.plane;  // before the exchange
  const int channels = out.channels + own.channel;
  const auto store = [&](auto&& exists) {
#pragma unroll
    for (int j0 = 0; j0 < Traits::kCo / 4; j0 += kTogether) {
      std::uint32_t words[4];
#pragma unroll
      for (int t = 0; t < kTogether; ++t) {
        const auto& v = row.v[j0 + t];
        const int channel = 8 * ((j0 + t) / 2) + (j0 + t) % 2, shift = shifts[(j0 + t) % 2];
        const std::uint32_t next = __shfl_down_sync(0xffffffffu, v[0], 4);
        store_if(shift != 0 && first_is_here && exists(channel + 2 * (lane % 4)), first + channel * out.plane,
                 static_cast<std::uint16_t>(v[0]));
#pragma unroll
        for (int w = 0; w < kWords; ++w)
          words[t * kWords + w] = __funnelshift_r(v[w], w + 1 < kWords ? v[w + 1] : next, shift);
      }
      transpose_quad(words, lane);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int channel = 8 * (j0 / 2) + 2 * k;
        const bool there = exists(channel + own.channel);
        store_if(there && whole, y + channel * out.plane, words[k]);
        store_if(there && half, y + channel * out.plane, static_cast<std::uint16_t>(words[k]));
      }
    }
  };
  if (__all_sync(0xffffffffu, channels >= Traits::kCo)) {
    store([](int) { return true; });
  } else {
    store([&](int channel) { return channel < channels; });
  }
}

/// Rows of 32-bit values that begin anywhere: a quad's values of 16 / kRun channels at a time are finished
/// and exchanged; lane q then holds pixel q % kRun.
template <class Traits, class Finisher>
__device__ __forceinline__ void store_elements(const DirectShared<Traits>& shared,
                                               const float (&d)[Traits::kBlocks][Traits::kN / 2],
                                               const OutputRun<Traits>& out, int lane,
                                               const Finisher& finisher) {
  constexpr int kRun = Traits::kRun, kTogether = 4 / kRun;  // values j that make four elements
#pragma unroll
  for (int j = 0; j < Traits::kCo / 4; j += kTogether) {
    std::uint32_t v[4];
#pragma unroll
    for (int t = 0; t < kTogether; ++t) {
      float values[kRun];
      finish<Traits>(values, shared, d, j + t, lane, finisher);
#pragma unroll
      for (int i = 0; i < kRun; ++i)
        v[t * kRun + i] = __float_as_uint(values[i]);
    }
    transpose_quad(v, lane);
    const int first = 8 * (j / 2) + j % 2;
    auto* to = out.y + first * out.plane;
    asm volatile("" : "+l"(to)::"memory");  // else all channels are computed ahead, and spilled
#pragma unroll
    for (int k = 0; k < 4; ++k, to += 2 * out.plane) {
      if (first + 2 * k < out.channels && out.valid > 0) *to = __uint_as_float(v[k]);
    }
  }
}

/// visit(finisher). Branches once a row, not once an element; a layer without an activation passes one
/// branch.
template <class Visit>
__device__ __forceinline__ auto with_finisher(Kind kind, Visit&& visit) {
  if (kind == Kind::none) return visit(RowFinisher<Kind::none>());
  switch (kind) {
    case Kind::relu:
      return visit(RowFinisher<Kind::relu>());
    case Kind::leaky_relu:
      return visit(RowFinisher<Kind::leaky_relu>());
    case Kind::sigmoid:
      return visit(RowFinisher<Kind::sigmoid>());
    case Kind::tanh:
      return visit(RowFinisher<Kind::tanh>());
    default:  // none, above; the host lets no other pass
      break;
  }
  __builtin_unreachable();
}

/// Finishes and stores a row.
template <class Traits>
__device__ __forceinline__ void put_row(const DirectShared<Traits>& shared, const OutputRun<Traits>& out,
                                        const float (&d)[Traits::kBlocks][Traits::kN / 2], int lane,
                                        const DirectArguments& p) {
  const Kind kind = p.epilogue.first.kind;
  const auto finished = [&](const auto& finisher) { return finish_row<Traits>(shared, d, lane, finisher); };
  if (p.vectors) {
    // Stores of their own for each activation where the row is on the path from one row's products to the
    // next.
    if constexpr (Traits::kSplit) {
      store_vectors<Traits>(with_finisher(kind, finished), out);
    } else {
      with_finisher(kind, [&](const auto& finisher) { store_vectors<Traits>(finished(finisher), out); });
    }
  } else if constexpr (Traits::kHalves) {
    store_words<Traits>(with_finisher(kind, finished), out, lane);
  } else {
    with_finisher(kind,
                  [&](const auto& finisher) { store_elements<Traits>(shared, d, out, lane, finisher); });
  }
}

}  // namespace upconv::kernels::cuda::device
