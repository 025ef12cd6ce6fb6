#include <algorithm>
#include <array>

#include <upconv/framework/error.h>
#include <upconv/kernels/binary.h>
#include <upconv/kernels/cpu/tables.h>
#include <upconv/kernels/cuda/tables.h>
#include <upconv/kernels/operands.h>

namespace upconv::kernels {

std::string_view name_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return "add";
    case BinaryKind::subtract:
      return "sub";
    case BinaryKind::multiply:
      return "mul";
    case BinaryKind::divide:
      return "div";
    case BinaryKind::maximum:
      return "maximum";
    case BinaryKind::minimum:
      return "minimum";
  }
  return "invalid";
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::kMaxRank> sizes{};
  for (int dim = 0; dim < rank; ++dim) {
    const int in_a = dim - (rank - a.rank()), in_b = dim - (rank - b.rank());
    const std::int64_t size_a = in_a < 0 ? 1 : a[in_a], size_b = in_b < 0 ? 1 : b[in_b];
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      throw ShapeError(message("The size of tensor a (", size_a, ") must match the size of tensor b (",
                               size_b, ") at non-singleton dimension ", dim));
    }
    sizes[static_cast<std::size_t>(dim)] = size_a == 1 ? size_b : size_a;
  }
  return Shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(rank)));
}

BinaryProblem BinaryProblem::of(BinaryKind kind, DType dtype, const Shape& a, const Shape& b) {
  const Shape y = broadcast(a, b);
  // From the innermost dimension on; neighbours that both operands walk as one are merged.
  BinaryProblem p{.kind = kind, .dtype = dtype};
  std::int64_t a_stride = 1, b_stride = 1;
  for (int back = 1; back <= y.rank(); ++back) {
    const std::int64_t size = y[-back];
    const std::int64_t size_a = back <= a.rank() ? a[-back] : 1, size_b = back <= b.rank() ? b[-back] : 1;
    const std::int64_t step_a = size_a == 1 ? 0 : a_stride, step_b = size_b == 1 ? 0 : b_stride;
    a_stride *= size_a;
    b_stride *= size_b;
    if (size == 1) continue;
    const auto last = static_cast<std::size_t>(p.rank) - 1;
    const bool merges = p.rank > 0 && step_a == p.a_strides[last] * p.sizes[last] &&
                        step_b == p.b_strides[last] * p.sizes[last];
    if (merges) {
      p.sizes[last] *= size;
      continue;
    }
    const auto next = static_cast<std::size_t>(p.rank++);
    p.sizes[next] = size;
    p.a_strides[next] = step_a;
    p.b_strides[next] = step_b;
  }
  if (p.rank == 0) {
    p.rank = 1;
    p.sizes[0] = 1;
  }
  for (Sizes* values : {&p.sizes, &p.a_strides, &p.b_strides})
    std::reverse(values->begin(), values->begin() + p.rank);
  return p;
}

std::int64_t BinaryProblem::count() const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
    count *= sizes[i];
  return count;
}

std::string BinaryProblem::to_string() const {
  const auto join = [&](const Sizes& values) {
    std::string text;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rank); ++i)
      text += message(i == 0 ? "" : "x", values[i]);
    return text;
  };
  return message(name_of(kind), '_', join(sizes), "_a", join(a_strides), "_b", join(b_strides), '_', dtype);
}

std::span<const BinaryRow> binary_rows(Device::Type type) {
  switch (type) {
    case Device::Type::cpu:
      return cpu::binary_rows();
    case Device::Type::cuda:
      return cuda::binary_rows();
  }
  throw_invalid(type);
}

void validate(const BinaryProblem& p) {
  static_cast<void>(
      Shape(std::span(p.sizes).first(static_cast<std::size_t>(p.rank))));  // throws on a negative size
  if (!is_compute_dtype(p.dtype))
    throw DTypeError(message(name_of(p.kind), ": operands must be f32, f16 or bf16, got ", p.dtype));
}

namespace {

/// Elements that the strides reach.
std::int64_t reach(const BinaryProblem& p, const BinaryProblem::Sizes& strides) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i)
    last += (p.sizes[i] - 1) * strides[i];
  return last + 1;
}

}  // namespace

void binary(const BinaryProblem& problem, const BinaryOperands& operands, ModuleName layer,
            ExecutionContext& ctx) {
  validate(problem);
  const std::int64_t count = problem.count();
  if (count == 0) return;
  check_operand(layer, "output", operands.y, count, problem.dtype, ctx.device());
  const auto check = [&](std::string_view what, ConstTensorView view, const BinaryProblem::Sizes& strides) {
    const std::int64_t elements = reach(problem, strides);
    check_operand(layer, what, view, elements, problem.dtype, ctx.device());
    check_overlap(layer, view, operands.y, elements == count);
  };
  if (!operands.a.defined() && !operands.b.defined())
    throw ArgumentError(message(layer, ": both operands are undefined"));
  if (operands.a.defined()) check("first operand", operands.a, problem.a_strides);
  if (operands.b.defined()) check("second operand", operands.b, problem.b_strides);
  run("binary", binary_rows(ctx.device().type()), problem, operands, layer, ctx);
}

}  // namespace upconv::kernels
