#include <vector>

#include <upconv/kernels/cpu/convolution_pack.h>
#include <upconv/kernels/cpu/parallel_for.h>

namespace upconv::kernels::cpu {

namespace {

/// Where a tap of a block's first lane stands, for input channel 0, and how far it is to the next channel.
/// The same for every block.
struct Tap {
  std::int64_t start, ci_step;
};

std::vector<Tap> taps_of(const ConvProblem& p, const ConvPackLayout& layout) {
  std::vector<Tap> taps;
  for (std::int64_t kh = 0; kh < p.kh; ++kh) {
    for (std::int64_t kw = 0; kw < p.kw; ++kw) {
      taps.push_back(
          {layout.index(0, 0, 0, kh, kw), layout.lanes * layout.height.taps_of(layout.height.phase_of(kh)) *
                                              layout.row_taps_of(layout.width.phase_of(kw))});
    }
  }
  return taps;
}

/// Calls visit(offset in PyTorch's layout, offset in the block) for every weight of a block: nearly in the
/// order of the block's memory, and in as many streams of PyTorch's as there are lanes.
template <class Visit>
void for_each_weight(const ConvProblem& p, const ConvPackLayout& layout, const std::vector<Tap>& taps,
                     std::int64_t group, std::int64_t block, const Visit& visit) {
  const std::int64_t ci_group = p.ci_per_group(), co_group = p.co_per_group();
  const std::int64_t co0 = block * layout.channels;
  const std::int64_t count = std::min(layout.channels, co_group - co0);
  const auto tap_count = static_cast<std::int64_t>(taps.size());
  const std::int64_t lane_step = (p.transposed ? 1 : ci_group) * tap_count;
  for (std::int64_t ci = 0; ci < ci_group; ++ci) {
    const std::int64_t plane =
        p.transposed ? (group * ci_group + ci) * co_group + co0 : (group * co_group + co0) * ci_group + ci;
    for (std::int64_t tap = 0; tap < tap_count; ++tap) {
      const auto [start, ci_step] = taps[static_cast<std::size_t>(tap)];
      for (std::int64_t lane = 0; lane < count; ++lane)
        visit(plane * tap_count + tap + lane * lane_step, start + ci * ci_step + lane);
    }
  }
}

}  // namespace

void pack_convolution_weight(const ConvProblem& problem, const ConstTensorView& weight, float* packed,
                             int threads) {
  const ConvPackLayout layout(problem);
  const std::vector<Tap> taps = taps_of(problem, layout);
  visit_dtype(weight.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* from = weight.data<T>().data();
    parallel_for(threads, problem.groups * layout.blocks, [&](std::int64_t i) {
      const std::int64_t group = i / layout.blocks, block = i % layout.blocks;
      float* to = packed + layout.block(group, block);
      const bool full = !layout.folded && (block + 1) * layout.channels <= problem.co_per_group();
      if (!full) std::fill_n(to, layout.block_size, 0.0f);
      for_each_weight(problem, layout, taps, group, block, [&](std::int64_t plain, std::int64_t place) {
        to[place] = static_cast<float>(from[plain]);
      });
    });
  });
}

Tensor unpack_convolution_weight(const ConvProblem& problem, const float* packed) {
  const ConvPackLayout layout(problem);
  const std::vector<Tap> taps = taps_of(problem, layout);
  Tensor weight = Tensor::zeros(problem.weight_shape());
  float* to = weight.data<float>().data();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    for (std::int64_t block = 0; block < layout.blocks; ++block) {
      const float* from = packed + layout.block(group, block);
      for_each_weight(problem, layout, taps, group, block,
                      [&](std::int64_t plain, std::int64_t place) { to[plain] = from[place]; });
    }
  }
  return weight;
}

}  // namespace upconv::kernels::cpu
