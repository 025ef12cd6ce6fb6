#pragma once

#include <cstdint>

namespace upconv::kernels::cpu {

/// One tap of a phase: where it reads in the tile of x and in the packed weights of an input channel.
struct ConvTap {
  std::int64_t x, weight;
  /// Folded layout: the only phase that has this tap, or kEveryPhase. The plain kernel does not look.
  std::int64_t phase;

  static constexpr std::int64_t kEveryPhase = -1;
};

/// What the micro-kernel works on, but for its place: pointers into a thread's scratch, steps in floats.
struct MicroArguments {
  const float* x;              ///< The tile of x: [channels][x_step].
  const std::int64_t* starts;  ///< [vectors]: where each vector starts in a channel of the tile of x.
  std::int64_t vectors;
  const ConvTap* taps;
  std::int64_t tap_count;
  std::int64_t channels;             ///< Input channels.
  std::int64_t x_step, weight_step;  ///< From one input channel to the next.
  std::int64_t out_step;             ///< From one output channel to the next.
  bool continues;                    ///< Sums start from what `out` holds, not from zero.
};

}  // namespace upconv::kernels::cpu
