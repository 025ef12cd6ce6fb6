// cpu.simd: y = x * scale[c] + shift[c], one fused multiply-add a vector where the unit has it. Each element
// is read once and written once: bound by memory.

#include <array>

#include <upconv/kernels/cpu/compute_type.h>
#include <upconv/kernels/cpu/elementwise.h>
#include <upconv/kernels/cpu/simd.h>
#include <upconv/kernels/cpu/tables.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/channel_affine.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <upconv/kernels/cpu/convert-inl.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

template <class T>
void affine_run(const T* x, std::int64_t count, float scale, float shift, T* y) {
  const VF scales = hn::Set(F32(), scale), shifts = hn::Set(F32(), shift);
  transform(x, count, y, [&](VF value) HWY_ATTR { return hn::MulAdd(value, scales, shifts); });
}

/// Elements [begin, end) of the tensor.
template <class T>
void affine_chunk(const ChannelAffineProblem& p, const ChannelAffineOperands& operands, std::int64_t begin,
                  std::int64_t end) {
  const T* x = static_cast<const T*>(operands.x.raw());
  T* y = static_cast<T*>(operands.y.raw());
  const float* scale = static_cast<const float*>(operands.scale.raw());
  const float* shift = static_cast<const float*>(operands.shift.raw());
  for_each_run(begin, end, p.channels, p.inner, [&](std::int64_t first, std::int64_t count, std::int64_t c) {
    affine_run(x + first, count, scale[c], shift[c], y + first);
  });
}

using AffineChunk = void (*)(const ChannelAffineProblem&, const ChannelAffineOperands&, std::int64_t,
                             std::int64_t);

AffineChunk affine_chunk_of(DType dtype) {
  return visit_compute_type(dtype,
                            []<class T>(std::type_identity<T>) -> AffineChunk { return affine_chunk<T>; });
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {

HWY_EXPORT(affine_chunk_of);

Verdict supports(const ChannelAffineProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const ChannelAffineProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
            ExecutionContext& ctx) {
  const auto affine = HWY_DYNAMIC_DISPATCH(affine_chunk_of)(problem.dtype);
  for_each_chunk(problem.outer * problem.channels * problem.inner, ctx.num_threads(),
                 [&](std::int64_t begin, std::int64_t end) { affine(problem, operands, begin, end); });
}

}  // namespace

std::span<const ChannelAffineRow> channel_affine_rows() {
  static constexpr std::array kRows = {ChannelAffineRow{"cpu.simd", supports, workspace_bytes, launch}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
#endif
