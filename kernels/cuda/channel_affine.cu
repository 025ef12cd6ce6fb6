#include <upconv/kernels/cuda/elementwise.cuh>
#include <upconv/kernels/cuda/rows.h>

// One pass over memory, like the activations: the copy's speed is the limit.
namespace upconv::kernels::cuda::elementwise {

namespace {

struct Affine {
  static constexpr bool kReadsInput = true;
  bool by_channel;
  const float* scale;  // [channels]
  const float* shift;  // [channels]

  __device__ float2 at(long long channel) const { return {scale[channel], shift[channel]}; }
  __device__ float operator()(float value, float2 set) const { return value * set.x + set.y; }
};

template <class T>
struct Fill {
  static constexpr bool kReadsInput = false;
  bool by_channel;
  const T* values;  // [channels]

  __device__ float at(long long channel) const { return device::to_float(values[channel]); }
  __device__ float operator()(float, float value) const { return value; }
};

}  // namespace

void launch(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
            ExecutionContext& ctx) {
  visit_device_dtype(problem.dtype, [&]<class T>(std::type_identity<T>) {
    const Affine fn{true, static_cast<const float*>(operands.scale.raw()),
                    static_cast<const float*>(operands.shift.raw())};
    launch_elementwise<T>(operands.x.raw(), operands.y.raw(), problem.outer, problem.channels, problem.inner,
                          fn, ctx);
  });
}

void fill_channels(ConstTensorView values, TensorView y, ExecutionContext& ctx) {
  visit_device_dtype(y.dtype(), [&]<class T>(std::type_identity<T>) {
    const Fill<T> fn{true, static_cast<const T*>(values.raw())};
    launch_elementwise<T>(y.raw(), y.raw(), y.shape()[0], y.shape()[1], y.shape()[2] * y.shape()[3], fn, ctx);
  });
}

}  // namespace upconv::kernels::cuda::elementwise
