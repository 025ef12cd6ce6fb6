#include <array>

#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

template <class T>
void apply(const ChannelAffineProblem& p, const ChannelAffineOperands& operands, int threads) {
  const std::span<const T> x = operands.x.data<T>();
  const std::span<T> y = operands.y.data<T>();
  const std::span<const float> scale = operands.scale.data<float>();
  const std::span<const float> shift = operands.shift.data<float>();
  const std::int64_t planes = p.outer * p.channels;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const std::int64_t c = plane % p.channels;
    for (std::int64_t i = plane * p.inner; i < (plane + 1) * p.inner; ++i) {
      y[i] = static_cast<T>(static_cast<float>(x[i]) * scale[c] + shift[c]);
    }
  }
}

Verdict supports(const ChannelAffineProblem&, const DeviceCaps&) {
  return Verdict::yes();
}
std::size_t workspace_bytes(const ChannelAffineProblem&, const ExecutionContext&) {
  return 0;
}

void launch(const ChannelAffineProblem& problem, const ChannelAffineOperands& operands,
            ExecutionContext& ctx) {
  visit_dtype(problem.dtype,
              [&]<class T>(std::type_identity<T>) { apply<T>(problem, operands, ctx.num_threads()); });
}

}  // namespace

std::span<const ChannelAffineRow> channel_affine_rows() {
  static constexpr std::array kRows = {ChannelAffineRow{"cpu.plain", supports, workspace_bytes, launch}};
  return kRows;
}

}  // namespace upconv::kernels::cpu
