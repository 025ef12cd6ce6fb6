#include <upconv/kernels/cuda/device/pointwise.cuh>
#include <upconv/kernels/cuda/epilogue.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// One pass over memory: reads x, and the residual if there is one, writes y; the copy's speed is the limit.
// 16 bytes an access wherever the pointers allow it, one element otherwise; enough blocks to fill the device
// and no more. A long function alone, such as gelu, has a kernel with code of its own.
namespace upconv::kernels::cuda::elementwise {

namespace {

template <class T, int V, class Index>
void launch_packs(const PointwiseProblem& p, const PointwiseOperands& operands, ExecutionContext& ctx) {
  launch_grid_stride(device::pointwise<T, V, Index>, p.count() / V + 1, ctx,
                     static_cast<const T*>(operands.x.raw()), static_cast<T*>(operands.y.raw()),
                     static_cast<Index>(p.count()), static_cast<Index>(p.channels),
                     static_cast<Index>(p.inner), device_epilogue(operands.epilogue));
}

/// True if all that is done is one function, and it is one that device::pointwise would call.
bool is_long_function_alone(const Epilogue& epilogue) {
  const EpilogueForm form = EpilogueForm::of(epilogue);
  return !epilogue.bias.defined() && form == EpilogueForm{.first = form.first} &&
         form.first > ActivationKind::prelu;
}

}  // namespace

void launch(const PointwiseProblem& problem, const PointwiseOperands& operands, ExecutionContext& ctx) {
  visit_device_dtype(problem.dtype, [&]<class T>(std::type_identity<T>) {
    const auto address = [](ConstTensorView view) {
      return view.defined() ? reinterpret_cast<std::uintptr_t>(view.raw()) : 0;
    };
    const bool aligned =
        (address(operands.x) | address(operands.y) | address(operands.epilogue.residual)) % 16 == 0;
    if (aligned && problem.count() < kFewestFor64Bits && is_long_function_alone(operands.epilogue)) {
      constexpr int kWide = 16 / sizeof(T);
      launch_grid_stride(device::pointwise_function<T, kWide>, problem.count() / kWide / 2 + 1, ctx,
                         static_cast<const T*>(operands.x.raw()), static_cast<T*>(operands.y.raw()),
                         static_cast<std::uint32_t>(problem.count()),
                         device_activation(operands.epilogue.first));
      return;
    }
    const auto with_index = [&]<class Index>(std::type_identity<Index>) {
      aligned ? launch_packs<T, 16 / sizeof(T), Index>(problem, operands, ctx)
              : launch_packs<T, 1, Index>(problem, operands, ctx);
    };
    problem.count() < kFewestFor64Bits ? with_index(std::type_identity<std::uint32_t>{})
                                       : with_index(std::type_identity<std::uint64_t>{});
  });
}

}  // namespace upconv::kernels::cuda::elementwise
