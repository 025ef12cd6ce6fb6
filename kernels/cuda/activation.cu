#include <upconv/kernels/cuda/elementwise.cuh>
#include <upconv/kernels/cuda/rows.h>

// One pass over memory: reads x, writes y, 2 * sizeof(element) bytes each; the copy's speed is the limit.
namespace upconv::kernels::cuda::elementwise {

namespace {

template <class T>
struct Activate {
  static constexpr bool kReadsInput = true;
  bool by_channel;
  device::ActivationParams<T> params;

  __device__ float at(long long channel) const { return params.slope_of(channel); }
  __device__ float operator()(float value, float slope) const {
    return device::activate(params.function, value, slope);
  }
};

}  // namespace

void launch(const ActivationProblem& problem, const ActivationOperands& operands, ExecutionContext& ctx) {
  visit_device_dtype(problem.dtype, [&]<class T>(std::type_identity<T>) {
    const Activate<T> fn{problem.kind == ActivationKind::prelu && problem.slopes != 1,
                         device_activation<T>(operands.activation)};
    launch_elementwise<T>(operands.x.raw(), operands.y.raw(), problem.outer, problem.channels, problem.inner,
                          fn, ctx);
  });
}

}  // namespace upconv::kernels::cuda::elementwise
