#include <algorithm>

#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/tables.h>

namespace upconv::kernels::cpu {

namespace {

/// Calls visit(offset in PyTorch's layout, offset in the packed one) for every weight.
template <class Visit>
void for_each_weight(const ConvProblem& p, Visit&& visit) {
  const ConvPackLayout layout(p);
  const std::int64_t ci_group = p.ci_per_group(), co_group = p.co_per_group();
  for (std::int64_t kh = 0; kh < p.kh; ++kh) {
    for (std::int64_t kw = 0; kw < p.kw; ++kw) {
      // Within a phase the offset is linear in ci, so the search for a tap's place is done once a tap.
      const std::int64_t ci_step = layout.lanes * layout.height.taps_of(layout.height.phase_of(kh)) *
                                   layout.row_taps_of(layout.width.phase_of(kw));
      for (std::int64_t group = 0; group < p.groups; ++group) {
        for (std::int64_t co = 0; co < co_group; ++co) {
          const std::int64_t start = layout.index(group, co, 0, kh, kw);
          for (std::int64_t ci = 0; ci < ci_group; ++ci) {
            const std::int64_t plane = p.transposed ? (group * ci_group + ci) * co_group + co
                                                    : (group * co_group + co) * ci_group + ci;
            visit((plane * p.kh + kh) * p.kw + kw, start + ci * ci_step);
          }
        }
      }
    }
  }
}

}  // namespace

TensorSpec packed_weight_spec(const ConvProblem& problem) {
  const ConvPackLayout layout(problem);
  return {.shape = {problem.groups, layout.blocks, layout.block_size}};
}

Tensor pack_convolution_weight(const ConvProblem& problem, const ConstTensorView& weight) {
  Tensor packed = Tensor::zeros(packed_weight_spec(problem).shape);
  const std::span<float> to = packed.data<float>();
  visit_dtype(weight.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::span<const T> from = weight.data<T>();
    for_each_weight(problem, [&](std::int64_t plain, std::int64_t place) {
      to[static_cast<std::size_t>(place)] = static_cast<float>(from[static_cast<std::size_t>(plain)]);
    });
  });
  return packed;
}

Tensor unpack_convolution_weight(const ConvProblem& problem, const ConstTensorView& packed) {
  Tensor weight = Tensor::zeros(problem.weight_shape());
  const std::span<float> to = weight.data<float>();
  const std::span<const float> from = packed.data<float>();
  for_each_weight(problem, [&](std::int64_t plain, std::int64_t place) {
    to[static_cast<std::size_t>(plain)] = from[static_cast<std::size_t>(place)];
  });
  return weight;
}

}  // namespace upconv::kernels::cpu
