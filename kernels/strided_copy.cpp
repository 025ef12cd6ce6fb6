#include <upconv/framework/error.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>
#include <upconv/kernels/strided_copy.h>

namespace upconv::kernels {

void StridedCopyProblem::add(std::int64_t size, std::int64_t x_stride, std::int64_t y_stride) {
  if (rank == kMaxRank) throw ShapeError(message("strided_copy: more than ", kMaxRank, " dimensions"));
  const auto at = static_cast<std::size_t>(rank++);
  sizes[at] = size;
  x_strides[at] = x_stride;
  y_strides[at] = y_stride;
}

StridedCopyProblem StridedCopyProblem::merged() const {
  StridedCopyProblem result;
  result.element_bytes = element_bytes;
  result.x_offset = x_offset;
  result.y_offset = y_offset;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i) {
    if (sizes[i] == 1) continue;
    const auto last = static_cast<std::size_t>(result.rank) - 1;
    if (result.rank > 0 && result.x_strides[last] == x_strides[i] * sizes[i] &&
        result.y_strides[last] == y_strides[i] * sizes[i]) {
      result.sizes[last] *= sizes[i];
      result.x_strides[last] = x_strides[i];
      result.y_strides[last] = y_strides[i];
    } else {
      result.add(sizes[i], x_strides[i], y_strides[i]);
    }
  }
  if (result.rank == 0) result.add(1, 1, 1);
  return result;
}

std::int64_t StridedCopyProblem::count() const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
    count *= sizes[i];
  return count;
}

std::string StridedCopyProblem::to_string() const {
  const auto join = [&](const Sizes& values) {
    std::string text;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
      text += message(i == 0 ? "" : "x", values[i]);
    return text;
  };
  return message(join(sizes), "_x", join(x_strides), "_y", join(y_strides), '_', element_bytes);
}

const std::byte* StridedCopyOperands::x_begin(const StridedCopyProblem& problem) const {
  return static_cast<const std::byte*>(x.raw()) + problem.x_offset * problem.element_bytes;
}

std::byte* StridedCopyOperands::y_begin(const StridedCopyProblem& problem) const {
  return static_cast<std::byte*>(y.raw()) + problem.y_offset * problem.element_bytes;
}

std::span<const StridedCopyRow> strided_copy_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::strided_copy_rows();
    case Device::Type::cuda:
      return cuda::strided_copy_rows();
  }
  throw_invalid(type);
}

void validate(const StridedCopyProblem& p) {
  if (p.element_bytes != 2 && p.element_bytes != 4 && p.element_bytes != 8) {
    throw ArgumentError(message("strided_copy: elements must have 2, 4 or 8 bytes, got ", p.element_bytes));
  }
  if (p.rank < 0 || p.rank > StridedCopyProblem::kMaxRank) {
    throw ArgumentError(
        message("strided_copy: from 0 to ", StridedCopyProblem::kMaxRank, " dimensions, got ", p.rank));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
    if (p.sizes[i] < 0) throw ArgumentError(message("strided_copy: a size is negative: ", p.to_string()));
  }
}

namespace {

/// Throws unless the strides stay inside the tensor.
void check_reach(ModuleName layer, std::string_view what, const StridedCopyProblem& p, ConstTensorView view,
                 const StridedCopyProblem::Sizes& strides, std::int64_t offset, Device device) {
  check_operand(layer, what, view, view.defined() ? view.numel() : 0, view.dtype(), device);
  if (static_cast<int>(size_of(view.dtype())) != p.element_bytes) {
    throw DTypeError(message(layer, ": ", what, " is ", view.dtype(), ", the copy has elements of ",
                             p.element_bytes, " bytes"));
  }
  std::int64_t lowest = offset, highest = offset;
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
    const std::int64_t reach = (p.sizes[i] - 1) * strides[i];
    (reach < 0 ? lowest : highest) += reach;
  }
  if (lowest < 0 || highest >= view.numel()) {
    throw ArgumentError(message(layer, ": strided_copy ", p.to_string(), " reaches elements ", lowest, " to ",
                                highest, " of the ", what, ", which has ", view.numel()));
  }
}

}  // namespace

void strided_copy(const StridedCopyProblem& problem, const StridedCopyOperands& operands, ModuleName layer,
                  ExecutionContext& ctx) {
  validate(problem);
  if (problem.count() == 0) return;
  check_reach(layer, "input", problem, operands.x, problem.x_strides, problem.x_offset, ctx.device());
  check_reach(layer, "output", problem, operands.y, problem.y_strides, problem.y_offset, ctx.device());
  check_overlap(layer, operands.x, operands.y, false);
  run("strided_copy", strided_copy_rows(ctx.device().type()), problem.merged(), operands, layer, ctx);
}

}  // namespace upconv::kernels
