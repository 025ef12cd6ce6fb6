#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <optional>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/convolution.h>
#include <upconv/kernels/cpu/parallel.h>
#include <upconv/kernels/cpu/parallel_for.h>
#include <upconv/kernels/operands.h>

// What is done with a convolution's weight once, at prepare.

namespace upconv::kernels {

namespace {

/// A row that will read a section, and how.
struct Packer {
  const ConvRow* row;
  ConvProblem layer;
  PackedSection section;
};

/// Whether the row packs a weight of this layer. All layouts of a row serve the same layers.
bool packs(const ConvRow& row, const ConvProblem& layer, const DeviceCaps& caps) {
  return row.packed_bytes != nullptr && row.packed_bytes(layer, caps, 0) != 0;
}

void add(std::vector<Packer>& packers, const ConvRow& row, const ConvProblem& layer, const DeviceCaps& caps,
         const ConstTensorView& weight, int threads) {
  const int layout = row.choose_layout == nullptr ? 0 : row.choose_layout(layer, weight, threads);
  const std::size_t end = packers.empty() ? 0 : packers.back().section.offset + packers.back().section.bytes;
  const std::size_t begin =
      (end + PackedWeight::kAlignment - 1) / PackedWeight::kAlignment * PackedWeight::kAlignment;
  packers.push_back({&row, layer, {row.name, layout, begin, row.packed_bytes(layer, caps, layout)}});
}

PackedWeight pack(const std::vector<Packer>& packers, const ConstTensorView& weight, Device device,
                  int threads) {
  if (packers.empty()) return {};
  const PackedSection& last = packers.back().section;
  Buffer memory(Device::cpu(), last.offset + last.bytes);
  std::vector<PackedSection> sections;
  for (const Packer& packer : packers) {
    packer.row->pack(packer.layer, packer.section.layout, weight,
                     static_cast<std::byte*>(memory.data()) + packer.section.offset, threads);
    sections.push_back(packer.section);
  }
  if (device.is_cpu()) return {std::move(memory), std::move(sections)};
  Buffer on_device(device, memory.bytes());
  copy_bytes(on_device.data(), device, memory.data(), Device::cpu(), memory.bytes());
  return {std::move(on_device), std::move(sections)};
}

/// As many threads, up to `wanted`, as have some hundred microseconds' work each: to start one takes tens.
int threads_for(const ConstTensorView& weight, int wanted) {
  return cpu::worthwhile_threads(wanted, static_cast<double>(weight.numel()));
}

/// The weight on the CPU, of which `copy` holds a copy if it was elsewhere. Throws as pack_weight does.
ConstTensorView on_host(const ConvProblem& layer, const ConstTensorView& weight, Device device,
                        Tensor& copy) {
  validate_layer(layer);
  check_operand(layer.op(), "weight", weight, {layer.weight_shape(), layer.dtype, weight.device()});
  if (weight.device().is_cpu()) return weight;
  if (device.is_cpu())
    throw DeviceError(message(layer.op(), ": weight expected on cpu, got ", weight.spec()));
  copy = Tensor::empty(weight.shape(), weight.dtype());
  upconv::copy(copy, weight);
  return copy;
}

/// Whether some element has every bit of the exponent set.
template <class Bits>
bool has_special(std::span<const Bits> values, Bits exponent) {
  unsigned found = 0;  // without a way out of the loop, which then takes many elements at once
  for (const Bits value : values)
    found |= (value & exponent) == exponent;
  return found != 0;
}

}  // namespace

const ConvRow* packing_row(const ConvProblem& layer, const DeviceCaps& caps, std::string_view forced) {
  for (const ConvRow& row : convolution_rows(caps.type)) {
    if ((forced.empty() || forced == row.name) && packs(row, layer, caps)) return &row;
  }
  return nullptr;
}

PackedWeight pack_weight(const ConvProblem& layer, const ConstTensorView& weight,
                         const ExecutionContext& ctx) {
  Tensor copy;
  const ConstTensorView host = on_host(layer, weight, ctx.device(), copy);
  const int threads = threads_for(host, ctx.num_threads());
  std::vector<Packer> packers;
  if (const ConvRow* row = packing_row(layer, ctx.caps(), forced_kernel(layer.op(), ctx)))
    add(packers, *row, layer, ctx.caps(), host, threads);
  return pack(packers, host, ctx.device(), threads);
}

PackedWeight pack_weight(const ConvProblem& layer, const ConstTensorView& weight, Device device) {
  Tensor copy;
  const ConstTensorView host = on_host(layer, weight, device, copy);
  const DeviceCaps caps = device_caps(device);
  std::vector<Packer> packers;
  for (const ConvRow& row : convolution_rows(device.type())) {
    for (const Precision precision : {Precision::fp32, Precision::tf32}) {
      ConvProblem of_precision = layer;
      of_precision.precision = precision;
      const bool is_new = packers.empty() || packers.back().row != &row;
      if (is_new && packs(row, of_precision, caps)) add(packers, row, of_precision, caps, host, 1);
    }
  }
  return pack(packers, host, device, 1);
}

const PackedSection& packed_section(const ConvOperands& operands, std::string_view row) {
  const PackedSection* section =
      operands.packed_weight == nullptr ? nullptr : operands.packed_weight->find(row);
  if (section != nullptr) return *section;
  throw StateError(message("the weight is not packed for ", row,
                           ": call prepare(ctx) with a context that runs this kernel, or pack_weight"));
}

void check_packed(const ConvRow& row, const ConvProblem& problem, const ConvOperands& operands,
                  ModuleName layer, const ExecutionContext& ctx) {
  if (row.packed_bytes == nullptr) return;
  const PackedSection* section =
      operands.packed_weight == nullptr ? nullptr : operands.packed_weight->find(row.name);
  if (section == nullptr) {
    std::string packed;
    if (operands.packed_weight != nullptr) {
      for (const PackedSection& other : operands.packed_weight->sections())
        packed += message(packed.empty() ? "" : ", ", other.row);
    }
    throw StateError(message(layer, ": this context runs ", row.name, " on ", problem.to_string(),
                             ", but the weight was packed for ",
                             packed.empty() ? "no kernel that packs" : packed,
                             ": call prepare(ctx) with this context, or with one that forces ", row.name));
  }
  if (operands.packed_weight->device() != ctx.device()) {
    throw DeviceError(message(layer, ": packed weight expected on ", ctx.device(), ", got ",
                              operands.packed_weight->device()));
  }
  const std::size_t wanted = row.packed_bytes(problem, ctx.caps(), section->layout);
  if (section->bytes != wanted) {
    throw ShapeError(message(layer, ": packed weight for ", row.name, " expected ", wanted, " bytes, got ",
                             section->bytes, ": it was packed for another layer"));
  }
}

bool is_finite(const ConstTensorView& weight, int threads) {
  if (!weight.device().is_cpu()) {
    Tensor host = Tensor::empty(weight.shape(), weight.dtype());
    copy(host, weight);
    return is_finite(host, threads);
  }
  return visit_dtype(weight.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::span<const T> values = weight.data<T>();
    if constexpr (std::same_as<T, std::int64_t>) {
      return true;
    } else {
      using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                      std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
      constexpr auto kExponent = std::bit_cast<Bits>(T(std::numeric_limits<float>::infinity()));
      constexpr std::size_t kPart = 1 << 16;
      std::atomic<bool> special = false;
      cpu::parallel_for(
          threads_for(weight, threads), static_cast<std::int64_t>((values.size() + kPart - 1) / kPart),
          [&](std::int64_t i) {
            const std::size_t begin = static_cast<std::size_t>(i) * kPart;
            const auto* bits = reinterpret_cast<const Bits*>(values.data());
            if (has_special<Bits>({bits + begin, std::min(kPart, values.size() - begin)}, kExponent))
              special = true;
          });
      return !special;
    }
  });
}

}  // namespace upconv::kernels
