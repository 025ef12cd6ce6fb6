// cpu.simd: the elementwise functions, vectorised. Each element is read once and written once (8 bytes in
// f32, 4 in f16 and bf16), so relu runs at the speed of memory; sigmoid and tanh cost some 30 instructions a
// vector.

#include <array>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/activation.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/activation-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

template <ActivationKind kKind, class T>
void activate_run(const T* x, std::int64_t count, float slope, T* y) {
  const VF slopes = hn::Set(F32(), slope);
  transform(x, count, y, [&](VF value) HWY_ATTR { return activate<kKind>(value, slopes); });
}

/// Elements [begin, end) of the tensor.
template <class T>
void activate_chunk(const ActivationProblem& p, const ActivationOperands& operands, std::int64_t begin,
                    std::int64_t end) {
  const T* x = static_cast<const T*>(operands.x.raw());
  T* y = static_cast<T*>(operands.y.raw());
  const bool by_channel = p.kind == ActivationKind::prelu && p.slopes != 1;
  const std::int64_t inner =
      by_channel ? p.inner : end;  // without slopes by the channel, the chunk is one run
  with_activation(p.kind, [&]<ActivationKind kKind>() HWY_ATTR {
    for_each_run(begin, end, by_channel ? p.channels : 1, inner,
                 [&](std::int64_t first, std::int64_t count, std::int64_t channel) {
                   activate_run<kKind>(x + first, count, slope_of<T>(operands.activation, channel),
                                       y + first);
                 });
  });
}

using ActivateChunk = void (*)(const ActivationProblem&, const ActivationOperands&, std::int64_t,
                               std::int64_t);

ActivateChunk activate_chunk_of(DType dtype) {
  return visit_compute_type(
      dtype, []<class T>(std::type_identity<T>) -> ActivateChunk { return activate_chunk<T>; });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(activate_chunk_of);

Verdict supports(const ActivationProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const ActivationProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const ActivationProblem& problem, const ActivationOperands& operands, ExecutionContext& ctx) {
  const auto activate = HWY_DYNAMIC_DISPATCH(activate_chunk_of)(problem.dtype);
  for_each_chunk(problem.outer * problem.channels * problem.inner, ctx.num_threads(),
                 [&](std::int64_t begin, std::int64_t end) { activate(problem, operands, begin, end); });
}

}  // namespace

std::span<const ActivationRow> activation_rows() {
  static constexpr std::array kRows = {ActivationRow{"cpu.simd", supports, workspace_bytes, launch}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
#endif
