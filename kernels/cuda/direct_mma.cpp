#include <upconv/kernels/cuda/direct_layer.h>
#include <upconv/kernels/cuda/direct_mma.h>

namespace upconv::kernels::cuda::direct_mma {

namespace {

constexpr std::size_t kSharedMemory = 99 * 1024;  // what a block may have on 8.6 and 8.9, the least of all

bool is_mode_of(const ConvProblem& p, Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return p.dtype == DType::f32 && p.precision == Precision::tf32;
    case Mode::f16:
      return p.dtype == DType::f16;
    case Mode::bf16:
      return p.dtype == DType::bf16;
    case Mode::fp32:
      return p.dtype == DType::f32 && p.precision == Precision::fp32;
  }
  return false;
}

MmaNumbers numbers_of(Mode mode) {
  switch (mode) {
    case Mode::tf32:
      return MmaNumbers::tf32;
    case Mode::fp32:
      return MmaNumbers::bf16_triples;
    case Mode::f16:
    case Mode::bf16:
      break;
  }
  return MmaNumbers::f16_bf16;
}

constexpr std::int64_t parts_of(std::int64_t size, std::int64_t part) {
  return (size + part - 1) / part;
}

Verdict supports_device(const DeviceCaps& caps) {
  if (launchers().fp32 == nullptr) return Verdict::no("this build holds no code for sm_80 or newer");
  if (caps.compute_capability < 80) return Verdict::no("only from compute capability 8.0 (Ampere) on");
  if (caps.shared_memory_per_block < kSharedMemory)
    return Verdict::no("a block needs 99 KB of shared memory");
  return Verdict::yes();
}

/// All but what depends on the size of the image.
Verdict supports_layer(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (const Verdict device = supports_device(caps); !device.supported) return device;
  if (!is_mode_of(p, mode)) return Verdict::no("for another type or precision");
  return supports_direct_layer(p);
}

Verdict supports(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (const Verdict layer = supports_layer(p, caps, mode); !layer.supported) return layer;
  // Rows, columns, channels and blocks are 32-bit numbers; the smallest tiles make the most blocks.
  constexpr double kLargest = 0x7fffffff;
  const auto rows = static_cast<double>(p.oh() + p.ih + p.pad_h + 16);
  const auto columns = static_cast<double>(p.ow() + p.iw + p.pad_w + 128);
  const double blocks = static_cast<double>(p.n) * static_cast<double>(p.groups) *
                        static_cast<double>(parts_of(p.oh(), kTileRows)) *
                        static_cast<double>(parts_of(p.ow(), 16)) *
                        static_cast<double>(parts_of(p.co_per_group(), 8));
  if (rows > kLargest || columns > kLargest || static_cast<double>(p.ci + p.co) > kLargest / 64 ||
      blocks > kLargest) {
    return Verdict::no("more than 2^31 tiles of 4 x 16 pixels");
  }
  return Verdict::yes();
}

}  // namespace

// In time units of a product of 16 pixels x 8 channels, a tile costs its products or, where these are few,
// what reading their operands costs. wide: the least time for each product. few_channels: a quarter of the
// products where up to 8 channels are all there are. small: 16 columns, for images that are narrow or that
// would make fewer wide tiles than the GPU has multiprocessors: 64 x 64 in 32 channels are 16 tiles and 128.
Tile choose_tile(const ConvProblem& p, Mode mode, int multiprocessors) {
  Tile best = Tile::wide;
  std::int64_t least = 0;
  for (const Tile tile : {Tile::wide, Tile::few_channels, Tile::small}) {
    const TileShape shape = shape_of(tile, mode);
    const std::int64_t products = shape.columns / 16 * (shape.channels / 8);
    const std::int64_t cost = tile == Tile::wide ? products : tile == Tile::few_channels ? products + 2 : 4;
    const std::int64_t blocks = p.n * p.groups * parts_of(p.oh(), kTileRows) *
                                parts_of(p.ow(), shape.columns) * parts_of(p.co_per_group(), shape.channels);
    const std::int64_t time = parts_of(blocks, multiprocessors) * cost;
    if (tile != Tile::wide && time >= least) continue;
    best = tile;
    least = time;
  }
  return best;
}

MmaPacking packing_of(const ConvProblem& p, Mode mode) {
  return {.transposed = p.transposed,
          .groups = p.groups,
          .ci = p.ci_per_group(),
          .co = p.co_per_group(),
          .kh = p.kh,
          .kw = p.kw,
          .numbers = numbers_of(mode)};
}

template <Mode kMode>
std::size_t packed_bytes(const ConvProblem& layer, const DeviceCaps& caps, int) {
  return supports_layer(layer, caps, kMode).supported ? packing_of(layer, kMode).bytes() : 0;
}

template <Mode kMode>
void pack(const ConvProblem& layer, int, const ConstTensorView& weight, void* packed, int threads) {
  pack_mma(packing_of(layer, kMode), weight.raw(), packed, threads);
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
  return supports(p, caps, Mode::fp32);
}

}  // namespace upconv::kernels::cuda::direct_mma
