#include <span>

#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/direct_layer.h>
#include <upconv/kernels/cuda/direct_wgmma.h>

namespace upconv::kernels::cuda::direct_wgmma {

namespace {

constexpr std::size_t kSharedMemory = 227 * 1024;  // what a block may have on Hopper

std::span<const DirectTile> tiles_of(Mode mode) {
  switch (mode) {
    case Mode::fp32:
      return kDirectTiles<Mode::fp32>;
    case Mode::fp32_wide:
      return kDirectTiles<Mode::fp32_wide>;
    case Mode::tf32:
    case Mode::f16:
    case Mode::bf16:
      break;
  }
  return kDirectTiles<Mode::f16>;
}

DirectNumbers numbers_of(Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return DirectNumbers::tf32;
    case Mode::fp32:
      return DirectNumbers::scaled_f16;
    case Mode::fp32_wide:
      return DirectNumbers::bf16_triples;
    case Mode::f16:
    case Mode::bf16:
      break;
  }
  return DirectNumbers::f16_bf16;
}

bool is_mode_of(const ConvProblem& p, Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return p.dtype == DType::f32 && p.precision == Precision::tf32;
    case Mode::f16:
      return p.dtype == DType::f16;
    case Mode::bf16:
      return p.dtype == DType::bf16;
    case Mode::fp32:
    case Mode::fp32_wide:
      return p.dtype == DType::f32 && p.precision == Precision::fp32;
  }
  return false;
}

/// What device/direct_epilogue.cuh can do. Its code stands between products, once for each register.
Verdict supports_epilogue(const EpilogueForm& form) {
  if (form.has_tail())
    return Verdict::no(
        "what follows the first activation is quicker in a pass of its own: it would stall the products");
  switch (form.first) {
    case ActivationKind::none:
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::prelu:
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
      return Verdict::yes();
    default:
      return Verdict::no("it applies ReLU, LeakyReLU, PReLU, Sigmoid and Tanh alone");
  }
}

Mode mode_of(Mode row, int layout) {
  return row == Mode::fp32 && layout == kWideLayout ? Mode::fp32_wide : row;
}

/// All but what depends on the size of the image.
Verdict supports_layer(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (launchers().fp32 == nullptr) return Verdict::no("this build holds no code for sm_90a");
  if (caps.compute_capability != 90) return Verdict::no("only for compute capability 9.0 (Hopper)");
  if (caps.shared_memory_per_block < kSharedMemory)
    return Verdict::no("a block needs 227 KB of shared memory");
  if (!is_mode_of(p, mode)) return Verdict::no("for another type or precision");
  if (const Verdict layer = supports_direct_layer(p); !layer.supported) return layer;
  if (const Verdict epilogue = supports_epilogue(p.epilogue); !epilogue.supported) return epilogue;
  const auto packing = packing_of(p, mode);
  if (!packing) return Verdict::no("the weights of a few output channels do not fit in shared memory");
  if (std::int64_t{packing->groups} * packing->co_tiles() > 0xffff) {
    return Verdict::no("more than 65535 tiles of output channels");
  }
  return Verdict::yes();
}

Verdict supports(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (const Verdict layer = supports_layer(p, caps, mode); !layer.supported) return layer;
  // Columns, rows and the count of a block's chunks are 32-bit numbers.
  constexpr double kLargest = 0x7fffffff;
  const auto rows = static_cast<double>(p.oh() + p.ih + p.pad_h + 16);
  const auto columns = static_cast<double>(p.ow() + p.iw + p.pad_w + 1024);
  if (rows * static_cast<double>(p.n) * (columns / 64) > kLargest || columns > kLargest) {
    return Verdict::no("more than 2^31 strips of 64 pixels");
  }
  return Verdict::yes();
}

}  // namespace

std::optional<DirectPacking> packing_of(const ConvProblem& p, Mode mode) {
  if (p.ci_per_group() > 4096 || p.co > 0xffff * 8) return {};
  DirectPacking packing{.transposed = p.transposed,
                        .groups = static_cast<int>(p.groups),
                        .ci = static_cast<int>(p.ci_per_group()),
                        .co = static_cast<int>(p.co_per_group()),
                        .kh = static_cast<int>(p.kh),
                        .kw = static_cast<int>(p.kw),
                        .numbers = numbers_of(mode)};
  for (const DirectTile& tile : tiles_of(mode)) {
    if (tile.kh_slots != packing.kh_slots()) continue;
    if (tile.kh_slots == 3 && tile.co > 16 && packing.co <= 16) continue;  // half of it would be padding
    packing.co_tile = tile.co;
    if (packing.tile_bytes() + static_cast<std::size_t>(least_beside_weights(mode)) <= kSharedMemory)
      return packing;
  }
  return {};
}

template <Mode kMode>
std::size_t packed_bytes(const ConvProblem& layer, const DeviceCaps& caps, int layout) {
  if (!supports_layer(layer, caps, kMode).supported) return 0;
  if (kMode == Mode::fp32 && !supports_layer(layer, caps, Mode::fp32_wide).supported) return 0;
  return packing_of(layer, mode_of(kMode, layout))->bytes();
}

template <Mode kMode>
void pack(const ConvProblem& layer, int layout, const ConstTensorView& weight, void* packed, int threads) {
  pack_direct(*packing_of(layer, mode_of(kMode, layout)), weight.raw(), packed, threads);
}

int choose_fp32_layout(const ConvProblem& layer, const ConstTensorView& weight, int threads) {
  return fits_scaled_f16(*packing_of(layer, Mode::fp32), weight.raw(), threads) ? kScaledLayout : kWideLayout;
}

template std::size_t packed_bytes<Mode::tf32>(const ConvProblem&, const DeviceCaps&, int);
template std::size_t packed_bytes<Mode::f16>(const ConvProblem&, const DeviceCaps&, int);
template std::size_t packed_bytes<Mode::bf16>(const ConvProblem&, const DeviceCaps&, int);
template std::size_t packed_bytes<Mode::fp32>(const ConvProblem&, const DeviceCaps&, int);
template void pack<Mode::tf32>(const ConvProblem&, int, const ConstTensorView&, void*, int);
template void pack<Mode::f16>(const ConvProblem&, int, const ConstTensorView&, void*, int);
template void pack<Mode::bf16>(const ConvProblem&, int, const ConstTensorView&, void*, int);
template void pack<Mode::fp32>(const ConvProblem&, int, const ConstTensorView&, void*, int);

Verdict supports_tf32(const ConvProblem& p, const DeviceCaps& caps) {
  return supports(p, caps, Mode::tf32);
}
Verdict supports_f16(const ConvProblem& p, const DeviceCaps& caps) {
  return supports(p, caps, Mode::f16);
}
Verdict supports_bf16(const ConvProblem& p, const DeviceCaps& caps) {
  return supports(p, caps, Mode::bf16);
}
Verdict supports_fp32(const ConvProblem& p, const DeviceCaps& caps) {
  // The weights, not the problem, say which of the two it will be.
  const Verdict wide = supports(p, caps, Mode::fp32_wide);
  return wide.supported ? supports(p, caps, Mode::fp32) : wide;
}

}  // namespace upconv::kernels::cuda::direct_wgmma
