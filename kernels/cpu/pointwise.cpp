// cpu.simd: an epilogue on its own, vectorised. x, and the residual if there is one, is read once, y written
// once (8 bytes an element in f32, 4 in f16 and bf16, half as much again with a residual): relu,
// normalisation and the residual add run at the speed of memory; sigmoid and tanh cost some 30 instructions a
// vector.

#include <array>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/pointwise_reference.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/pointwise.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/epilogue-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

/// Elements [begin, end) of the tensor.
template <class T>
void pointwise_chunk(const PointwiseProblem& p, const PointwiseOperands& operands, std::int64_t begin,
                     std::int64_t end) {
  const Epilogue& epilogue = operands.epilogue;
  const T* x = static_cast<const T*>(operands.x.raw());
  const T* residual = epilogue.residual.defined() ? static_cast<const T*>(epilogue.residual.raw()) : nullptr;
  T* y = static_cast<T*>(operands.y.raw());
  // Without factors by the channel, the chunk is one run.
  const bool by_channel = goes_by_channel(epilogue);
  for_each_run(begin, end, by_channel ? p.channels : 1, by_channel ? p.inner : end,
               [&](std::int64_t first, std::int64_t count, std::int64_t channel) {
                 finish_run<false>(channel_epilogue<T>(epilogue, channel), x + first, count,
                                   residual == nullptr ? nullptr : residual + first, false, y + first);
               });
}

using PointwiseChunk = void (*)(const PointwiseProblem&, const PointwiseOperands&, std::int64_t,
                                std::int64_t);

PointwiseChunk pointwise_chunk_of(DType dtype) {
  return visit_compute_type(
      dtype, []<class T>(std::type_identity<T>) -> PointwiseChunk { return pointwise_chunk<T>; });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(pointwise_chunk_of);

Verdict supports(const PointwiseProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const PointwiseProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const PointwiseProblem& problem, const PointwiseOperands& operands, ExecutionContext& ctx) {
  const auto compute = HWY_DYNAMIC_DISPATCH(pointwise_chunk_of)(problem.dtype);
  for_each_chunk(problem.count(), ctx.num_threads(),
                 [&](std::int64_t begin, std::int64_t end) { compute(problem, operands, begin, end); });
}

}  // namespace

std::span<const PointwiseRow> pointwise_rows() {
  static constexpr std::array kRows = {
      PointwiseRow{"cpu.simd", supports, workspace_bytes, launch},
      PointwiseRow{"cpu.reference", supports, workspace_bytes, launch_pointwise_reference},
  };
  return kRows;
}

}  // namespace upconv::kernels::cpu
#endif  // HWY_ONCE
