#include <upconv/kernels/cpu/epilogue_reference.h>
#include <upconv/kernels/cpu/pointwise_reference.h>

namespace upconv::kernels::cpu {

void launch_pointwise_reference(const PointwiseProblem& p, const PointwiseOperands& operands,
                                ExecutionContext&) {
  visit_dtype(p.dtype, [&]<class T>(std::type_identity<T>) {
    const std::span<const T> x = operands.x.data<T>();
    const std::span<T> y = operands.y.data<T>();
    for (std::int64_t i = 0; i < p.count(); ++i) {
      const std::int64_t channel = i / p.inner % p.channels;
      y[i] = finish_reference<T>(operands.epilogue, static_cast<double>(x[i]), channel, i);
    }
  });
}

}  // namespace upconv::kernels::cpu
