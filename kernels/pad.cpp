#include <bit>
#include <cmath>

#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>
#include <upconv/kernels/pad.h>

namespace upconv::kernels {

std::string_view name_of(PadMode mode) {
  switch (mode) {
    case PadMode::constant:
      return "constant";
    case PadMode::reflect:
      return "reflect";
    case PadMode::replicate:
      return "replicate";
    case PadMode::circular:
      return "circular";
  }
  return "invalid";
}

void PadProblem::add(std::int64_t size, std::int64_t before_it, std::int64_t after_it) {
  if (rank == kMaxRank) throw ShapeError(message("pad: more than ", kMaxRank, " dimensions"));
  const auto at = static_cast<std::size_t>(rank++);
  sizes[at] = size;
  before[at] = before_it;
  after[at] = after_it;
}

PadProblem PadProblem::merged() const {
  PadProblem result = *this;
  result.rank = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i) {
    const bool padded = before[i] != 0 || after[i] != 0;
    if (!padded && sizes[i] == 1) continue;
    const auto last = static_cast<std::size_t>(result.rank) - 1;
    const bool last_is_padded = result.rank > 0 && (result.before[last] != 0 || result.after[last] != 0);
    if (!padded && result.rank > 0 && (!last_is_padded || mode == PadMode::constant)) {
      result.sizes[last] *= sizes[i];
      result.before[last] *= sizes[i];
      result.after[last] *= sizes[i];
    } else {
      result.add(sizes[i], before[i], after[i]);
    }
  }
  if (result.rank == 0) result.add(1, 0, 0);
  return result;
}

Shape PadProblem::x_shape() const {
  return Shape(std::span(sizes).first(static_cast<std::size_t>(rank)));
}

Shape PadProblem::y_shape() const {
  Sizes result{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
    result[i] = before[i] + sizes[i] + after[i];
  return Shape(std::span(result).first(static_cast<std::size_t>(rank)));
}

std::uint64_t PadProblem::value_bits() const {
  return visit_dtype(dtype, [&]<class T>(std::type_identity<T>) -> std::uint64_t {
    if constexpr (sizeof(T) == 2) return T(static_cast<float>(value)).bits;
    if constexpr (sizeof(T) == 4) return std::bit_cast<std::uint32_t>(static_cast<T>(value));
    if constexpr (sizeof(T) == 8) return std::bit_cast<std::uint64_t>(static_cast<T>(value));
  });
}

std::string PadProblem::to_string() const {
  const auto join = [&](const Sizes& values) {
    std::string text;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
      text += message(i == 0 ? "" : "x", values[i]);
    return text;
  };
  const bool plain = mode != PadMode::constant || value == 0;
  return message(name_of(mode), plain ? std::string() : message(value), '_', join(sizes), "_b", join(before),
                 "_a", join(after), '_', dtype);
}

std::span<const PadRow> pad_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::pad_rows();
    case Device::Type::cuda:
      return cuda::pad_rows();
  }
  throw_invalid(type);
}

namespace {

/// Throws unless every added element of a dimension has one element of x to be.
void check_source(const PadProblem& p, std::size_t dim) {
  const std::int64_t size = p.sizes[dim], before = p.before[dim], after = p.after[dim];
  const auto refuse = [&](std::string_view why) {
    throw ArgumentError(message("pad: ", why, ": dimension ", dim, " of ", p.to_string()));
  };
  switch (p.mode) {
    case PadMode::constant:
      return;
    case PadMode::reflect:
      if (before >= size || after >= size) refuse("reflected padding must be less than the size");
      return;
    case PadMode::replicate:
      if (size == 0) refuse("a dimension without elements has none to replicate");
      return;
    case PadMode::circular:
      if (before < 0 || after < 0) refuse("circular padding must not be negative");
      if (before > size || after > size) refuse("circular padding must not be more than the size");
      return;
  }
  throw ArgumentError(
      message("PadMode(", static_cast<int>(p.mode), ") is no mode: use one of the enumerators"));
}

}  // namespace

void validate(const PadProblem& p) {
  if (p.rank < 0 || p.rank > PadProblem::kMaxRank) {
    throw ArgumentError(message("pad: from 0 to ", PadProblem::kMaxRank, " dimensions, got ", p.rank));
  }
  static_cast<void>(p.x_shape());  // throw on a negative size, and beyond 64 bits
  static_cast<void>(p.y_shape());
  if (p.dtype == DType::i64 && !(std::abs(p.value) < 0x1p63))
    throw ArgumentError(message("pad: value ", p.value, " does not fit i64"));
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
    if (p.before[i] != 0 || p.after[i] != 0) check_source(p, i);
  }
}

void pad(const PadProblem& problem, const PadOperands& operands, ModuleName layer, ExecutionContext& ctx) {
  validate(problem);
  check_operand(layer, "input", operands.x, problem.x_shape().numel(), problem.dtype, ctx.device());
  check_operand(layer, "output", operands.y, problem.y_shape().numel(), problem.dtype, ctx.device());
  check_overlap(layer, operands.x, operands.y, false);
  if (operands.y.numel() == 0) return;
  run("pad", pad_rows(ctx.device().type()), problem.merged(), operands, layer, ctx);
}

}  // namespace upconv::kernels
