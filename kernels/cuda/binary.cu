#include <upconv/kernels/cuda/device/binary.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// y = f(a, b) with broadcasting, in one pass over memory: 16 bytes an access where the rows allow it. An
// operand that is repeated along rows costs one load a pack, from L1 mostly.
namespace upconv::kernels::cuda::elementwise {

namespace {

device::BinaryFunction function_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return device::BinaryFunction::add;
    case BinaryKind::subtract:
      return device::BinaryFunction::subtract;
    case BinaryKind::multiply:
      return device::BinaryFunction::multiply;
    case BinaryKind::divide:
      return device::BinaryFunction::divide;
    case BinaryKind::maximum:
      return device::BinaryFunction::maximum;
    case BinaryKind::minimum:
      return device::BinaryFunction::minimum;
  }
  return device::BinaryFunction::add;
}

/// True if every row of y, and of the operands that step along it, begins on a boundary of V elements.
template <class T, int V>
bool fits(const BinaryProblem& p, const BinaryOperands& operands) {
  const auto last = static_cast<std::size_t>(p.rank) - 1;
  const auto aligned = [](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % (V * sizeof(T)) == 0;
  };
  if (p.sizes[last] % V != 0 || !aligned(operands.y.raw())) return false;
  const auto operand_fits = [&](ConstTensorView operand, const BinaryProblem::Sizes& strides) {
    if (strides[last] == 0) return true;
    for (std::size_t dim = 0; dim < last; ++dim) {
      if (strides[dim] % V != 0) return false;
    }
    return aligned(operand.raw());
  };
  return operand_fits(operands.a, p.a_strides) && operand_fits(operands.b, p.b_strides);
}

template <class T, int V>
void launch_packs(const BinaryProblem& p, const BinaryOperands& operands, ExecutionContext& ctx) {
  const auto last = static_cast<std::size_t>(p.rank) - 1;
  device::BinaryArguments arguments;
  arguments.function = function_of(p.kind);
  arguments.row = divisor_of(p.sizes[last] / V);
  arguments.rank = p.rank - 1;
  arguments.a_steps = p.a_strides[last] != 0;
  arguments.b_steps = p.b_strides[last] != 0;
  arguments.scalar = operands.scalar;
  for (std::size_t dim = 0; dim < last; ++dim) {
    arguments.sizes[dim] = divisor_of(p.sizes[dim]);
    arguments.a_strides[dim] = p.a_strides[dim];
    arguments.b_strides[dim] = p.b_strides[dim];
  }
  const std::int64_t packs = p.count() / V;
  const auto launch = [&]<class Index>(std::type_identity<Index>) {
    launch_grid_stride(device::binary<T, V, Index>, packs, ctx, static_cast<const T*>(operands.a.raw()),
                       static_cast<const T*>(operands.b.raw()), static_cast<T*>(operands.y.raw()),
                       static_cast<Index>(packs), arguments);
  };
  packs < kFewestFor64Bits ? launch(std::type_identity<std::uint32_t>{})
                           : launch(std::type_identity<std::uint64_t>{});
}

}  // namespace

void launch(const BinaryProblem& problem, const BinaryOperands& operands, ExecutionContext& ctx) {
  visit_device_dtype(problem.dtype, [&]<class T>(std::type_identity<T>) {
    constexpr int kWide = 16 / sizeof(T);
    fits<T, kWide>(problem, operands) ? launch_packs<T, kWide>(problem, operands, ctx)
                                      : launch_packs<T, 1>(problem, operands, ctx);
  });
}

}  // namespace upconv::kernels::cuda::elementwise
