#include <algorithm>
#include <numeric>

#include <upconv/framework/memory.h>
#include <upconv/framework/plan_passes.h>

namespace upconv::plan {

namespace {

std::size_t rounded(std::size_t bytes) {
  return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
}

/// A storage that has its place.
struct Block {
  std::size_t begin, end;
  std::size_t first, last;
};

/// Where `bytes` fit while `first` to `last` run: the smallest gap between blocks that live then, or behind
/// them. `blocks` are sorted by their begin.
std::size_t best_gap(std::span<const Block> blocks, std::size_t bytes, std::size_t first, std::size_t last) {
  std::size_t best = 0, best_size = 0, end = 0;
  bool found = false;
  for (const Block& block : blocks) {
    if (block.last < first || last < block.first) continue;
    if (block.begin > end) {
      const std::size_t gap = block.begin - end;
      if (gap >= bytes && (!found || gap < best_size)) {
        best = end;
        best_size = gap;
        found = true;
      }
    }
    end = std::max(end, block.end);
  }
  return found ? best : end;
}

std::vector<std::size_t> offsets_of(const Layout& layout, const PlanPolicy& policy,
                                    std::size_t& arena_bytes) {
  const std::vector<Storage>& storages = layout.storages;
  std::vector<std::size_t> order;
  std::vector<bool> used(storages.size());
  for (const Assignment& node : layout.nodes) {
    if (node.made) used[node.storage] = true;
  }
  for (std::size_t i = 0; i < storages.size(); ++i) {
    if (used[i] && storages[i].kind == PlanPlace::Kind::arena) order.push_back(i);
  }
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return storages[i].bytes; });
  std::vector<std::size_t> offsets(storages.size());
  std::vector<Block> blocks;
  arena_bytes = 0;
  for (const std::size_t i : order) {
    const Storage& storage = storages[i];
    const std::size_t bytes = rounded(storage.bytes);
    offsets[i] = policy.reuse ? best_gap(blocks, bytes, storage.first, storage.last) : arena_bytes;
    const Block block{offsets[i], offsets[i] + bytes, storage.first, storage.last};
    blocks.insert(std::ranges::upper_bound(blocks, block.begin, {}, &Block::begin), block);
    arena_bytes = std::max(arena_bytes, block.end);
  }
  return offsets;
}

}  // namespace

std::size_t place(const Layout& layout, std::vector<PlanStep>& steps, const PlanPolicy& policy) {
  std::size_t arena_bytes = 0;
  const std::vector<std::size_t> offsets = offsets_of(layout, policy, arena_bytes);
  const auto place_of = [&](std::size_t node) {
    const Assignment& at = layout.nodes[node];
    const Storage& storage = layout.storages[at.storage];
    return PlanPlace{storage.kind, storage.index, offsets[at.storage] + at.offset};
  };
  for (PlanStep& step : steps) {
    for (PlanTensor& operand : step.operands)
      operand.place = place_of(operand.node);
    if (step.copies && step.result.place.kind == PlanPlace::Kind::output) continue;
    const std::size_t part = step.copies ? step.result.place.offset : 0;
    step.result.place = place_of(step.result.node);
    step.result.place.offset += part;
    step.in_whole = layout.storages[layout.nodes[step.result.node].storage].bytes > step.result.spec.bytes();
  }
  return arena_bytes;
}

}  // namespace upconv::plan
