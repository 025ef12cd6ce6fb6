// cpu.simd: y = f(a, b) with broadcasting. A row is the innermost dimension, along which each operand either
// steps by one or stays: the loop over it is vectorised for the three cases. Each element is read once and
// written once, so it runs at the speed of memory.

#include <array>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/binary.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

template <BinaryKind kKind>
HWY_INLINE VF apply(VF a, VF b) {
  if constexpr (kKind == BinaryKind::add) return hn::Add(a, b);
  if constexpr (kKind == BinaryKind::subtract) return hn::Sub(a, b);
  if constexpr (kKind == BinaryKind::multiply) return hn::Mul(a, b);
  if constexpr (kKind == BinaryKind::divide) return hn::Div(a, b);
  // A NaN of either side is the result; hardware takes the second operand then.
  if constexpr (kKind == BinaryKind::maximum)
    return hn::IfThenElse(hn::IsNaN(a), a,
                          hn::IfThenElse(hn::IsNaN(b), b, hn::IfThenElse(hn::Lt(a, b), b, a)));
  if constexpr (kKind == BinaryKind::minimum)
    return hn::IfThenElse(hn::IsNaN(a), a,
                          hn::IfThenElse(hn::IsNaN(b), b, hn::IfThenElse(hn::Lt(b, a), b, a)));
}

/// `scalar` stands for an operand that is null. At most one operand stays: a row of y longer than one steps
/// along the other.
template <BinaryKind kKind, class T>
void binary_row(const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, float scalar,
                std::int64_t count, T* y) {
  const F32 d;
  const auto repeated = [&](const T* value) HWY_ATTR {
    return hn::Set(d, value == nullptr ? scalar : static_cast<float>(*value));
  };
  if (count == 1) {
    store_some(apply<kKind>(repeated(a), repeated(b)), y, 1);
  } else if (b_step == 0) {
    const VF value = repeated(b);
    transform(a, count, y, [&](VF x) HWY_ATTR { return apply<kKind>(x, value); });
  } else if (a_step == 0) {
    const VF value = repeated(a);
    transform(b, count, y, [&](VF x) HWY_ATTR { return apply<kKind>(value, x); });
  } else {
    const auto step = static_cast<std::int64_t>(lanes());
    std::int64_t i = 0;
    for (; i + step <= count; i += step)
      store_f32(apply<kKind>(load_f32(a + i), load_f32(b + i)), y + i);
    if (i == count) return;
    const auto rest = static_cast<std::size_t>(count - i);
    store_some(apply<kKind>(load_some(a + i, rest), load_some(b + i, rest)), y + i, rest);
  }
}

/// Elements [begin, end) of y.
template <BinaryKind kKind, class T>
void binary_chunk(const BinaryProblem& p, const BinaryOperands& operands, std::int64_t begin,
                  std::int64_t end) {
  const auto last = static_cast<std::size_t>(p.rank) - 1;
  const std::int64_t row = p.sizes[last];
  while (begin < end) {
    const std::int64_t at = begin % row, count = std::min(row - at, end - begin);
    std::int64_t index = begin / row, a = at * p.a_strides[last], b = at * p.b_strides[last];
    for (std::size_t dim = last; dim-- > 0;) {
      a += index % p.sizes[dim] * p.a_strides[dim];
      b += index % p.sizes[dim] * p.b_strides[dim];
      index /= p.sizes[dim];
    }
    const T* in_a = operands.a.defined() ? static_cast<const T*>(operands.a.raw()) + a : nullptr;
    const T* in_b = operands.b.defined() ? static_cast<const T*>(operands.b.raw()) + b : nullptr;
    binary_row<kKind>(in_a, p.a_strides[last], in_b, p.b_strides[last], operands.scalar, count,
                      static_cast<T*>(operands.y.raw()) + begin);
    begin += count;
  }
}

using BinaryChunk = void (*)(const BinaryProblem&, const BinaryOperands&, std::int64_t, std::int64_t);

template <class T>
BinaryChunk binary_chunk_of_kind(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return binary_chunk<BinaryKind::add, T>;
    case BinaryKind::subtract:
      return binary_chunk<BinaryKind::subtract, T>;
    case BinaryKind::multiply:
      return binary_chunk<BinaryKind::multiply, T>;
    case BinaryKind::divide:
      return binary_chunk<BinaryKind::divide, T>;
    case BinaryKind::maximum:
      return binary_chunk<BinaryKind::maximum, T>;
    case BinaryKind::minimum:
      return binary_chunk<BinaryKind::minimum, T>;
  }
  return nullptr;
}

BinaryChunk binary_chunk_of(BinaryKind kind, DType dtype) {
  return visit_compute_type(
      dtype, [kind]<class T>(std::type_identity<T>) -> BinaryChunk { return binary_chunk_of_kind<T>(kind); });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(binary_chunk_of);

Verdict supports(const BinaryProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const BinaryProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const BinaryProblem& problem, const BinaryOperands& operands, ExecutionContext& ctx) {
  const auto compute = HWY_DYNAMIC_DISPATCH(binary_chunk_of)(problem.kind, problem.dtype);
  for_each_chunk(problem.count(), ctx.num_threads(),
                 [&](std::int64_t begin, std::int64_t end) { compute(problem, operands, begin, end); });
}

}  // namespace

std::span<const BinaryRow> binary_rows() {
  static constexpr std::array kRows = {BinaryRow{"cpu.simd", supports, workspace_bytes, launch}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
#endif
