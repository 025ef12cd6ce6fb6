#include <span>
#include <vector>

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

Verdict supports(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (launchers().fp32 == nullptr) return Verdict::no("this build holds no code for sm_90a");
  if (caps.compute_capability != 90) return Verdict::no("only for compute capability 9.0 (Hopper)");
  if (caps.shared_memory_per_block < kSharedMemory)
    return Verdict::no("a block needs 227 KB of shared memory");
  if (!is_mode_of(p, mode)) return Verdict::no("for another type or precision");
  if (const Verdict layer = supports_direct_layer(p); !layer.supported) return layer;
  const auto packing = packing_of(p, mode);
  if (!packing) return Verdict::no("the weights of a few output channels do not fit in shared memory");
  if (std::int64_t{packing->groups} * packing->co_tiles() > 0xffff) {
    return Verdict::no("more than 65535 tiles of output channels");
  }
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

Tensor pack_section(const ConvProblem& problem, const ConstTensorView& weight, const DeviceCaps& caps) {
  if (launchers().fp32 == nullptr || caps.compute_capability != 90) return {};
  if (!supports_direct_layer(problem).supported) return {};
  std::vector<DirectPacking> sections;
  const auto add = [&](Mode mode) {
    if (const auto packing = packing_of(problem, mode)) sections.push_back(*packing);
  };
  bool wide = false;
  switch (problem.dtype) {
    case DType::f32: {
      add(Mode::tf32);
      const auto scaled = packing_of(problem, Mode::fp32);
      wide = scaled && !fits_scaled_f16(*scaled, weight.raw());
      add(wide ? Mode::fp32_wide : Mode::fp32);
      break;
    }
    case DType::f16:
      add(Mode::f16);
      break;
    case DType::bf16:
      add(Mode::bf16);
      break;
    case DType::f64:
    case DType::i64:
      break;
  }
  if (sections.empty()) return {};

  std::size_t bytes = 0;
  for (const DirectPacking& section : sections)
    bytes += section.bytes();
  const auto elements = static_cast<std::int64_t>(bytes / size_of(problem.dtype));
  Tensor packed = Tensor::empty(packed_shape(elements, wide), problem.dtype);
  auto* to = static_cast<unsigned char*>(packed.view().raw());
  for (const DirectPacking& section : sections) {
    pack_direct(section, weight.raw(), to);
    to += section.bytes();
  }
  return packed;
}

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
