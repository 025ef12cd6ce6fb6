// An epilogue, on runs of one channel: for the pointwise operator and the convolution. Bias, scale and shift
// are one multiply-add. Without more than that and an activation that rides inline, an element passes through
// registers once; what has a tail, or a long function, goes through a piece of L1, a rung at a time, so that
// no loop has a branch.
#if defined(UPCONV_KERNELS_CPU_EPILOGUE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef UPCONV_KERNELS_CPU_EPILOGUE_INL_H
#undef UPCONV_KERNELS_CPU_EPILOGUE_INL_H
#else
#define UPCONV_KERNELS_CPU_EPILOGUE_INL_H
#endif

#include <algorithm>
#include <cmath>

#include <hwy/highway.h>

#include <upconv/kernels/cpu/activation-inl.h>
#include <upconv/kernels/epilogue.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// An activation in one channel.
struct ChannelActivation {
  ActivationKind kind = ActivationKind::none;
  float a = 0.0f, b = 0.0f;
};

/// An epilogue in one channel: second(factor * first(scale * x + shift) + offset + residual_factor *
/// residual).
struct ChannelEpilogue {
  float scale = 1.0f, shift = -0.0f;  // x + -0 is x, if x is a zero, too
  ChannelActivation first, second;
  float factor = 1.0f, offset = 0.0f, residual_factor = 1.0f;
  bool scaled = false, tail = false;
};

template <class T>
HWY_INLINE ChannelActivation channel_activation(const Activation& activation, std::int64_t c) {
  ChannelActivation channel{activation.kind, activation.a, activation.b};
  if (activation.kind == ActivationKind::prelu) {
    const T* slopes = static_cast<const T*>(activation.slopes.raw());
    channel.a = static_cast<float>(slopes[activation.slopes.numel() == 1 ? 0 : c]);
  }
  return channel;
}

template <class T>
HWY_INLINE ChannelEpilogue channel_epilogue(const Epilogue& epilogue, std::int64_t c) {
  ChannelEpilogue channel;
  if (epilogue.bias.defined())
    channel.shift = static_cast<float>(static_cast<const T*>(epilogue.bias.raw())[c]);
  if (epilogue.scale.defined()) {
    channel.scale = static_cast<const float*>(epilogue.scale.raw())[c];
    const float shift = static_cast<const float*>(epilogue.shift.raw())[c];
    // Without a bias there is no product: an infinite scale times nothing would be a NaN.
    channel.shift = epilogue.bias.defined() ? std::fma(channel.scale, channel.shift, shift) : shift;
  }
  channel.first = channel_activation<T>(epilogue.first, c);
  channel.second = channel_activation<T>(epilogue.second, c);
  channel.factor = epilogue.factor;
  channel.offset = epilogue.offset;
  channel.residual_factor = epilogue.residual_factor;
  const EpilogueForm form = EpilogueForm::of(epilogue);
  channel.scaled = form.scaled;
  channel.tail = form.has_tail();
  return channel;
}

/// to[i] = f(from[i]); the last vector of `to` is written whole.
template <class T, class Fn>
HWY_INLINE void to_piece(const T* from, std::int64_t count, float* to, const Fn& f) {
  const auto step = static_cast<std::int64_t>(lanes());
  std::int64_t i = 0;
  for (; i + step <= count; i += step)
    store_f32(f(load_f32(from + i)), to + i);
  if (i < count) store_f32(f(load_some(from + i, static_cast<std::size_t>(count - i))), to + i);
}

/// piece[i] = f(piece[i]) for i < count.
HWY_INLINE void activate_piece(const ChannelActivation& f, float* piece, std::int64_t count) {
  if (f.kind != ActivationKind::none) activate_run(f.kind, 1.0f, -0.0f, f.a, f.b, piece, count, piece);
}

/// The whole ladder. `residual` may be null, and may be y, as x may.
template <class T, class X>
HWY_NOINLINE void finish_ladder(const ChannelEpilogue& channel, const X* x, std::int64_t count,
                                const T* residual, T* y) {
  constexpr std::int64_t kPiece = 512;
  HWY_ALIGN float piece[kPiece + HWY_MAX_BYTES / sizeof(float)];
  const F32 d;
  const auto step = static_cast<std::int64_t>(lanes());
  const VF scale = hn::Set(d, channel.scale), shift = hn::Set(d, channel.shift);
  const VF factor = hn::Set(d, channel.factor), offset = hn::Set(d, channel.offset);
  const VF residual_factor = hn::Set(d, channel.residual_factor);
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t length = std::min(kPiece, count - begin);
    to_piece(x + begin, length, piece, [&](VF value) HWY_ATTR { return hn::MulAdd(value, scale, shift); });
    activate_piece(channel.first, piece, length);
    if (channel.scaled) {
      for (std::int64_t i = 0; i < length; i += step)
        hn::Store(hn::MulAdd(hn::Load(d, piece + i), factor, offset), d, piece + i);
    }
    if (residual != nullptr) {
      const T* from = residual + begin;
      std::int64_t i = 0;
      for (; i + step <= length; i += step)
        hn::Store(hn::MulAdd(load_f32(from + i), residual_factor, hn::Load(d, piece + i)), d, piece + i);
      if (i < length) {
        const VF rest = load_some(from + i, static_cast<std::size_t>(length - i));
        hn::Store(hn::MulAdd(rest, residual_factor, hn::Load(d, piece + i)), d, piece + i);
      }
    }
    activate_piece(channel.second, piece, length);
    transform(static_cast<const float*>(piece), length, y + begin, [](VF value) { return value; });
  }
}

/// y[i] = epilogue(x[i]) for i < count. `stream`: past the caches. kPadded: x may be read up to a vector
/// further.
template <bool kPadded, class T, class X>
HWY_INLINE void finish_run(const ChannelEpilogue& channel, const X* x, std::int64_t count, const T* residual,
                           bool stream, T* y) {
  if (channel.tail) return finish_ladder(channel, x, count, residual, y);
  if (!rides_inline(channel.first.kind)) {
    if constexpr (std::is_same_v<X, T>) {
      const ChannelActivation& f = channel.first;
      return activate_run(f.kind, channel.scale, channel.shift, f.a, f.b, x, count, y);
    }
    return finish_ladder(channel, x, count, residual, y);
  }
  const F32 d;
  const auto step = static_cast<std::int64_t>(lanes());
  const VF scale = hn::Set(d, channel.scale), shift = hn::Set(d, channel.shift);
  const VF a = hn::Set(d, channel.first.a), b = hn::Set(d, channel.first.b);
  with_activation(channel.first.kind, [&]<ActivationKind kKind>() HWY_ATTR {
    const auto finish = [&](VF value)
                            HWY_ATTR { return activate<kKind>(hn::MulAdd(value, scale, shift), a, b); };
    std::int64_t i = 0;
    if constexpr (std::is_same_v<T, float>) {
      const auto misalignment =
          reinterpret_cast<std::uintptr_t>(y) / sizeof(float) % static_cast<std::size_t>(step);
      if (stream && misalignment == 0) {
        for (; i + step <= count; i += step)
          hn::Stream(finish(load_f32(x + i)), d, y + i);
      }
    }
    if constexpr (kPadded) {
      for (; i + step <= count; i += step)
        store_f32(finish(load_f32(x + i)), y + i);
      if (i < count) store_some(finish(load_f32(x + i)), y + i, static_cast<std::size_t>(count - i));
    } else {
      transform(x + i, count - i, y + i, finish);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
