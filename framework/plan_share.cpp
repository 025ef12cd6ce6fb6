#include <algorithm>
#include <limits>

#include <upconv/framework/copy_operation.h>
#include <upconv/framework/plan_passes.h>

namespace upconv::plan {

namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

/// Storages that merge: a forest whose trees are pieces of memory. Node results are leaves.
class Forest {
 public:
  struct Position {
    std::size_t root;
    std::size_t offset;
  };

  std::size_t add(PlanPlace::Kind kind, std::size_t index, std::size_t bytes) {
    storages_.push_back({.kind = kind, .index = index, .bytes = bytes, .first = kNever, .last = 0});
    parents_.push_back({storages_.size() - 1, 0});
    return storages_.size() - 1;
  }
  /// The root above a storage, and where the storage begins in it.
  Position find(std::size_t storage) {
    Position& parent = parents_[storage];
    if (parent.root == storage) return {storage, 0};
    const Position above = find(parent.root);
    parent = {above.root, parent.offset + above.offset};
    return parent;
  }
  /// Puts the root `part` into the root `whole`, from `offset` on.
  void put(std::size_t part, std::size_t whole, std::size_t offset) {
    parents_[part] = {whole, offset};
    storages_[whole].first = std::min(storages_[whole].first, storages_[part].first);
    storages_[whole].last = std::max(storages_[whole].last, storages_[part].last);
  }
  Storage& operator[](std::size_t root) { return storages_[root]; }
  const std::vector<Storage>& storages() const { return storages_; }

 private:
  std::vector<Storage> storages_;
  std::vector<Position> parents_;
};

/// The state of the pass: each node's storage, and steps that change.
class Sharing {
 public:
  Sharing(const Recording& recording, std::vector<PlanStep>& steps, const PlanPolicy& policy)
      : recording_(recording), steps_(steps), policy_(policy), nodes_(recording.nodes().size()) {}

  Layout run() {
    make_storages();
    give_outputs();
    if (policy_.share) make_parts_in_place();
    copy_outputs();
    find_ranges();
    if (policy_.share) work_in_place();
    return finish();
  }

 private:
  std::size_t bytes_of(std::size_t node) const { return recording_.nodes()[node].spec.bytes(); }

  std::vector<TensorSpec> specs_of(const PlanStep& step) const {
    std::vector<TensorSpec> specs;
    for (const PlanTensor& operand : step.operands)
      specs.push_back(operand.spec);
    return specs;
  }

  Forest::Position position(std::size_t node) {
    const Forest::Position root = forest_.find(nodes_[node].storage);
    return {root.root, root.offset + nodes_[node].offset};
  }

  void assign(std::size_t node, std::size_t storage, std::size_t offset) {
    nodes_[node] = {.storage = storage, .offset = offset, .made = true};
  }

  /// A storage for every input, constant and result; a view shares its operand's.
  void make_storages() {
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const Recording::Node& node = recording_.nodes()[n];
      if (n < recording_.input_count()) {
        assign(n, forest_.add(PlanPlace::Kind::input, n, bytes_of(n)), 0);
      } else if (node.operation->is_constant()) {
        assign(n, forest_.add(PlanPlace::Kind::constant, n, bytes_of(n)), 0);
      }
    }
    std::vector<PlanStep> kept;
    for (PlanStep& step : steps_) {
      const std::size_t n = step.result.node;
      const auto view = policy_.share ? step.operation->view_offset(specs_of(step)) : std::nullopt;
      if (view) {
        const Assignment& operand = nodes_[step.operands[0].node];
        assign(n, operand.storage, operand.offset + *view);
      } else {
        assign(n, forest_.add(PlanPlace::Kind::arena, 0, bytes_of(n)), 0);
        kept.push_back(std::move(step));
      }
    }
    steps_ = std::move(kept);
  }

  /// Results that the caller gets are made in the caller's memory, if they are all that is in theirs.
  void give_outputs() {
    given_.assign(recording_.outputs().size(), false);
    for (std::size_t k = 0; k < given_.size(); ++k) {
      const std::size_t node = recording_.outputs()[k];
      const Forest::Position at = position(node);
      Storage& storage = forest_[at.root];
      if (storage.kind != PlanPlace::Kind::arena || at.offset != 0 || storage.bytes != bytes_of(node))
        continue;
      storage.kind = PlanPlace::Kind::output;
      storage.index = k;
      given_[k] = true;
    }
  }

  /// Appends a copy of `from` into the result of node `to`, from `offset` bytes on.
  static PlanStep copy_step(const PlanTensor& from, std::size_t to, std::size_t offset) {
    PlanStep step;
    step.operation = std::make_shared<CopyOperation>();
    step.nodes = {to};
    step.operands = {from};
    step.result = {.node = to, .spec = from.spec, .place = {.kind = {}, .index = 0, .offset = offset}};
    step.copies = true;
    return step;
  }

  /// What an operand of a concatenation has to do with the memory of the whole.
  struct Part {
    std::size_t root, root_offset;  // where the operand is now
    std::size_t begin, bytes;       // where it should be in the whole
    bool moved = false;
  };

  /// True if the root of `part` fits into the whole so that every part that overlaps it is where it should
  /// be.
  bool can_move(const Part& part, std::span<const Part> parts, std::size_t whole) {
    const Storage& storage = forest_[part.root];
    const bool is_root = forest_.find(part.root).root == part.root;  // not moved on behalf of another part
    if (!is_root || part.root == whole || storage.kind != PlanPlace::Kind::arena) return false;
    if (part.begin < part.root_offset) return false;
    const std::size_t begin = part.begin - part.root_offset, end = begin + storage.bytes;
    if (end > forest_[whole].bytes) return false;
    return std::ranges::all_of(parts, [&](const Part& other) {
      const bool in_place = other.root == part.root && other.begin == begin + other.root_offset;
      return in_place || other.begin >= end || other.begin + other.bytes <= begin;
    });
  }

  /// Concatenations: operands that can be made where they belong are, the others are copied there.
  void make_parts_in_place() {
    std::vector<PlanStep> kept;
    for (PlanStep& step : steps_) {
      const std::vector<TensorSpec> specs = specs_of(step);
      if (specs.empty() || !step.operation->part_offset(0, specs)) {
        kept.push_back(std::move(step));
        continue;
      }
      const std::size_t whole = position(step.result.node).root;
      std::vector<Part> parts;
      for (std::size_t i = 0; i < specs.size(); ++i) {
        const Forest::Position at = position(step.operands[i].node);
        parts.push_back({at.root, at.offset, *step.operation->part_offset(i, specs), specs[i].bytes()});
      }
      for (Part& part : parts) {
        if (part.bytes == 0 || part.moved || !can_move(part, parts, whole)) continue;
        const std::size_t root = part.root, offset = part.begin - part.root_offset;
        for (Part& other : parts)
          other.moved = other.moved || (other.root == root && other.begin == offset + other.root_offset);
        forest_.put(root, whole, offset);
      }
      if (std::ranges::none_of(parts, &Part::moved)) {
        kept.push_back(std::move(step));
        continue;
      }
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].moved && parts[i].bytes > 0)
          kept.push_back(copy_step(step.operands[i], step.result.node, parts[i].begin));
      }
    }
    steps_ = std::move(kept);
  }

  /// An output that is a view, an input, or given twice, is copied at the end.
  void copy_outputs() {
    for (std::size_t k = 0; k < given_.size(); ++k) {
      if (given_[k]) continue;
      const std::size_t node = recording_.outputs()[k];
      PlanStep step = copy_step({.node = node, .spec = recording_.nodes()[node].spec, .place = {}}, node, 0);
      step.result.place = {.kind = PlanPlace::Kind::output, .index = k, .offset = 0};
      steps_.push_back(std::move(step));
    }
  }

  /// Where a step's result lies, as root and offset; not for a copy to an output.
  Forest::Position target(const PlanStep& step) {
    Forest::Position at = position(step.result.node);
    if (step.copies) at.offset += step.result.place.offset;
    return at;
  }

  static bool copies_to_output(const PlanStep& step) {
    return step.copies && step.result.place.kind == PlanPlace::Kind::output;
  }

  void find_ranges() {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const auto touch = [&](std::size_t root) {
        Storage& storage = forest_[root];
        storage.first = std::min(storage.first, s);
        storage.last = std::max(storage.last, s);
      };
      for (const PlanTensor& operand : steps_[s].operands)
        touch(position(operand.node).root);
      if (!copies_to_output(steps_[s])) touch(target(steps_[s]).root);
    }
  }

  /// A step that may work in place does, where nobody reads its operand's memory afterwards.
  void work_in_place() {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const PlanStep& step = steps_[s];
      if (step.copies) continue;
      for (std::size_t k = 0; k < step.operands.size(); ++k) {
        if (!step.operation->runs_in_place(k)) continue;
        const Forest::Position from = position(step.operands[k].node), to = position(step.result.node);
        const Storage& storage = forest_[from.root];
        const std::size_t bytes = step.operands[k].spec.bytes();
        if (storage.kind != PlanPlace::Kind::arena || storage.last != s || from.root == to.root) continue;
        if (from.offset != 0 || storage.bytes != bytes || step.result.spec.bytes() != bytes) continue;
        const bool others = std::ranges::any_of(step.operands, [&](const PlanTensor& other) {
          return position(other.node).root == from.root && !(other.spec == step.operands[k].spec);
        });
        if (others) continue;
        forest_.put(from.root, to.root, to.offset);
        break;
      }
    }
  }

  Layout finish() {
    Layout layout;
    layout.storages = forest_.storages();
    layout.nodes = nodes_;
    for (Assignment& node : layout.nodes) {
      if (!node.made) continue;
      const Forest::Position root = forest_.find(node.storage);
      node.storage = root.root;
      node.offset += root.offset;
    }
    return layout;
  }

  const Recording& recording_;
  std::vector<PlanStep>& steps_;
  const PlanPolicy& policy_;
  Forest forest_;
  std::vector<Assignment> nodes_;
  std::vector<bool> given_;
};

}  // namespace

Layout share(const Recording& recording, std::vector<PlanStep>& steps, const PlanPolicy& policy) {
  return Sharing(recording, steps, policy).run();
}

}  // namespace upconv::plan
