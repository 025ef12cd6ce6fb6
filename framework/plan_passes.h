#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <upconv/framework/plan.h>

/// The passes that make a plan of a recording, each a function of the one before. Internal: not installed.
namespace upconv::plan {

/// Pass 1, fuse: calls that run as one become one step. Steps stay in the order of the last call of each;
/// their places are not filled in. Nothing is joined unless `policy.fuse`.
std::vector<PlanStep> fuse(const Recording& recording, const PlanPolicy& policy, const ExecutionContext& ctx);

/// A piece of memory that one or more results share, each at an offset of its own.
struct Storage {
  PlanPlace::Kind kind = PlanPlace::Kind::arena;
  std::size_t index = 0;  ///< Of the input, output or constant.
  std::size_t bytes = 0;
  std::size_t first = 0, last = 0;  ///< Steps from the first to write it to the last to use it.
};

/// Which storage holds a node's result, and where in it.
struct Assignment {
  std::size_t storage = 0;
  std::size_t offset = 0;
  bool made = false;  ///< False for the inner results of a fused step, which are never in memory.
};

/// Storages and the assignment of each node's result.
struct Layout {
  std::vector<Storage> storages;
  std::vector<Assignment> nodes;
};

/// Pass 2, views: decides which results share memory: views with what they look at, parts with the
/// concatenation they belong to, steps in place with their operand. Drops the steps that this makes idle, and
/// adds copies where a part cannot be made in place. Fills in the live ranges.
Layout share(const Recording& recording, std::vector<PlanStep>& steps, const PlanPolicy& policy);

/// Pass 3, place: gives every storage of the arena an offset, the largest first into the smallest gap that is
/// free while it lives, and fills in the steps' places. Returns the arena's bytes.
std::size_t place(const Layout& layout, std::vector<PlanStep>& steps, const PlanPolicy& policy);

/// Pass 4, verify: replays the steps as intervals of memory. Knows nothing of the passes before: only the
/// recording and what the steps read and write. Throws: StateError if a step would read what is not its
/// operand, write the caller's input, or if a call or an output is missing.
void verify(const Recording& recording, std::span<const PlanStep> steps, std::size_t arena_bytes);

}  // namespace upconv::plan
