#include <array>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/kernels/cuda/direct_wgmma.h>

namespace upconv::kernels::cuda::direct_wgmma {

namespace {

constexpr std::size_t kSharedMemory = 227 * 1024;  // what a block may have on Hopper
constexpr std::int64_t kLargestKernel = 7;
constexpr std::int64_t kFewestChannels = 4;  // below, most of what is multiplied is padding

/// Output channels of a block, best first. They and kh fill the accumulators; what weights need decides the
/// rest. The launcher instantiates just these.
std::array<int, 2> co_tiles(std::int64_t kh, std::int64_t co, Mode mode) {
  switch (kh) {
    case 1:
      return {32, 32};
    case 3:
      return {co <= 16 ? 16 : 32, 16};
    case 5:
      return {16, mode == Mode::fp32 ? 8 : 16};
    default:
      return mode == Mode::fp32 ? std::array{8, 8} : std::array{16, 16};
  }
}

/// Three stages of both rings, and the block's header.
std::size_t least_beside_weights(Mode mode) {
  const std::size_t chunk = mode == Mode::tf32 ? 4352 : mode == Mode::fp32 ? 2304 : 4608;
  return 1024 + 3 * 2 * chunk;
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
      return p.dtype == DType::f32 && p.precision == Precision::fp32;
  }
  return false;
}

/// What the layer alone decides.
Verdict supports_layer(const ConvProblem& p) {
  if (p.stride_h != 1 || p.stride_w != 1) return Verdict::no("only for stride 1");
  if (p.dilation_h != 1 || p.dilation_w != 1) return Verdict::no("only for dilation 1");
  if (p.padding_mode != PaddingMode::zeros) return Verdict::no("only for padding with zeros");
  if (p.kh % 2 == 0 || p.kw % 2 == 0 || p.kh > kLargestKernel || p.kw > kLargestKernel) {
    return Verdict::no("only for kernels of 1, 3, 5 or 7 rows and columns");
  }
  if (p.ci_per_group() < kFewestChannels || p.co_per_group() < kFewestChannels) {
    return Verdict::no("only from 4 channels of a group on either side");
  }
  return Verdict::yes();
}

Verdict supports(const ConvProblem& p, const DeviceCaps& caps, Mode mode) {
  if (caps.compute_capability != 90) return Verdict::no("only for compute capability 9.0 (Hopper)");
  if (caps.shared_memory_per_block < kSharedMemory)
    return Verdict::no("a block needs 227 KB of shared memory");
  if (!is_mode_of(p, mode)) return Verdict::no("for another type or precision");
  if (const Verdict layer = supports_layer(p); !layer.supported) return layer;
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

std::size_t section_bytes(const ConvProblem& problem, Mode mode) {
  const auto packing = packing_of(problem, mode);
  return packing ? packing->bytes() : 0;
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
                        .element_bytes = mode == Mode::f16 || mode == Mode::bf16 ? 2 : 4,
                        .parts = mode == Mode::fp32 ? 2 : 1};
  for (const int tile : co_tiles(p.kh, p.co_per_group(), mode)) {
    packing.co_tile = tile;
    if (packing.tile_bytes() + least_beside_weights(mode) <= kSharedMemory) return packing;
  }
  return {};
}

Tensor pack_weight(const ConvProblem& problem, const ConstTensorView& weight, Device device) {
  if (!supports_layer(problem).supported || device_caps(device).compute_capability != 90) return {};
  const std::vector<Mode> modes = problem.dtype == DType::f32   ? std::vector{Mode::tf32, Mode::fp32}
                                  : problem.dtype == DType::f16 ? std::vector{Mode::f16}
                                                                : std::vector{Mode::bf16};
  std::size_t bytes = 0;
  for (const Mode mode : modes)
    bytes += section_bytes(problem, mode);
  if (bytes == 0) return {};

  Tensor host_weight;
  ConstTensorView from = weight;
  if (!weight.device().is_cpu()) {
    host_weight = Tensor::empty(weight.shape(), weight.dtype());
    copy(host_weight, weight);
    from = host_weight;
  }
  Tensor packed = Tensor::empty({static_cast<std::int64_t>(bytes / size_of(problem.dtype))}, problem.dtype);
  auto* to = static_cast<unsigned char*>(packed.view().raw());
  for (const Mode mode : modes) {
    if (const auto packing = packing_of(problem, mode)) {
      pack_direct(*packing, from.raw(), to);
      to += packing->bytes();
    }
  }
  return packed.to(device);
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
  return supports(p, caps, Mode::fp32);
}

}  // namespace upconv::kernels::cuda::direct_wgmma
