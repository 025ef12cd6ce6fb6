#pragma once

#include "upscale/scale.h"

#include <upconv/upconv.h>

namespace upscale {

/// How many pixels around a pixel its four enlarged ones depend on: 2 through the 5x5 convolution, 4 through
/// the four 3x3, and 2 through the transposed one, where output pixel 2i or 2i+1 gathers from the inputs
/// ceil((o - 4) / 2) ... floor((o + 4) / 2), that is i - 2 ... i + 2.
inline constexpr int kFsrcnnReach = 2 + 4 * 1 + 2;

/// FSRCNN with d = 56, s = 12, m = 4: luma [N,1,H,W] in [0, 1] to [N,1,2H,2W]. The names are those of
/// tools/train_upscaler.py. Source: Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural
/// Network", 2016.
upconv::Sequential make_fsrcnn();

/// A network that enlarges luma planes, ready to run on one device. Use from one thread.
class LumaNetwork {
 public:
  /// `net` has its weights; `dtype` is f32, f16 or bf16, for weights and activations alike. Keeps a reference
  /// to `ctx`. Throws: what upconv::Module::prepare throws.
  LumaNetwork(upconv::Sequential net, upconv::DType dtype, upconv::ExecutionContext& ctx);

  Plane operator()(const Plane& luma) const;
  /// Which kernel computes each layer for a plane of this size, and why the others do not.
  std::string explain(int width, int height) const;

 private:
  upconv::Sequential net_;
  upconv::DType dtype_;
  upconv::ExecutionContext& ctx_;
};

}  // namespace upscale
