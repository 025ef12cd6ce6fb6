#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/plan_passes.h>

namespace upconv::plan {

namespace {

/// A run of bytes of a node's own result: those that its operation computed.
struct Run {
  std::size_t node = 0;
  std::size_t offset = 0;  ///< In the node's result.
  std::size_t bytes = 0;
};

/// What some memory holds, from its begin on.
using Content = std::vector<Run>;

void append(Content& content, Run run) {
  if (run.bytes == 0) return;
  if (!content.empty() && content.back().node == run.node &&
      content.back().offset + content.back().bytes == run.offset) {
    content.back().bytes += run.bytes;
  } else {
    content.push_back(run);
  }
}

Content cut(const Content& content, std::size_t offset, std::size_t bytes) {
  Content result;
  std::size_t begin = 0;
  for (const Run& run : content) {
    const std::size_t from = std::max(begin, offset), to = std::min(begin + run.bytes, offset + bytes);
    if (from < to) append(result, {run.node, run.offset + (from - begin), to - from});
    begin += run.bytes;
  }
  return result;
}

bool equal(const Content& a, const Content& b) {
  return std::ranges::equal(a, b, [](const Run& x, const Run& y) {
    return x.node == y.node && x.offset == y.offset && x.bytes == y.bytes;
  });
}

/// Memory as the intervals that were last written to it.
class Memory {
 public:
  void write(std::size_t begin, const Content& content) {
    std::size_t bytes = 0;
    for (const Run& run : content)
      bytes += run.bytes;
    erase(begin, begin + bytes);
    for (const Run& run : content) {
      runs_.emplace(begin, run);
      begin += run.bytes;
    }
  }
  /// What was written to [begin, begin + bytes); shorter where nothing was.
  Content read(std::size_t begin, std::size_t bytes) const {
    Content result;
    const std::size_t end = begin + bytes;
    auto at = runs_.upper_bound(begin);
    if (at != runs_.begin()) --at;
    for (; at != runs_.end() && at->first < end; ++at) {
      const auto& [start, run] = *at;
      const std::size_t from = std::max(start, begin), to = std::min(start + run.bytes, end);
      if (from < to) append(result, {run.node, run.offset + (from - start), to - from});
    }
    return result;
  }

 private:
  void erase(std::size_t begin, std::size_t end) {
    auto at = runs_.upper_bound(begin);
    if (at != runs_.begin()) --at;
    while (at != runs_.end() && at->first < end) {
      const auto [start, run] = *at;
      if (start + run.bytes <= begin) {
        ++at;
        continue;
      }
      at = runs_.erase(at);
      if (start < begin) runs_.emplace(start, Run{run.node, run.offset, begin - start});
      if (start + run.bytes > end) {
        const std::size_t gone = end - start;
        runs_.emplace(end, Run{run.node, run.offset + gone, run.bytes - gone});
        break;
      }
    }
  }

  std::map<std::size_t, Run> runs_;  // by begin; none overlap
};

class Verifier {
 public:
  Verifier(const Recording& recording, std::span<const PlanStep> steps, std::size_t arena_bytes)
      : recording_(recording),
        steps_(steps),
        arena_bytes_(arena_bytes),
        wanted_(recording.nodes().size()),
        computed_(recording.nodes().size()),
        reads_(count_reads(recording)) {}

  void run() {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      step_ = s;
      if (!steps_[s].copies) check_calls(steps_[s]);
    }
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      step_ = s;
      replay(steps_[s]);
    }
    for (std::size_t k = 0; k < recording_.outputs().size(); ++k) {
      const std::size_t node = recording_.outputs()[k];
      const std::size_t bytes = recording_.nodes()[node].spec.bytes();
      const Content held = memory_of({.kind = PlanPlace::Kind::output, .index = k}).read(0, bytes);
      if (!equal(held, wanted(node))) fail(message("output ", k, " is not ", recording_.describe(node)));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw StateError(
        message("upconv planned a network wrongly, which is a bug: at step ", step_, ", ", what));
  }

  /// The calls that a step does, and in which order it takes their operands.
  void check_calls(const PlanStep& step) {
    std::vector<std::size_t> operands;
    for (std::size_t i = 0; i < step.nodes.size(); ++i) {
      const std::size_t n = step.nodes[i];
      if (computed_[n]) fail(message(recording_.describe(n), " is computed twice"));
      computed_[n] = true;
      std::vector<std::size_t> more = recording_.nodes()[n].operands;
      if (i > 0) {
        const auto link = std::ranges::find(more, step.nodes[i - 1]);
        if (link == more.end()) {
          fail(message(recording_.describe(n), " does not read ", recording_.describe(step.nodes[i - 1])));
        }
        more.erase(link);
        check_inner(step.nodes[i - 1]);
      }
      operands.insert(operands.end(), more.begin(), more.end());
    }
    if (step.nodes.back() != step.result.node) fail("the result is not that of the last call");
    if (!std::ranges::equal(operands, step.operands, {}, {}, &PlanTensor::node)) {
      fail(message("the operands are not those of ", recording_.describe(step.result.node)));
    }
  }

  /// A result that is never in memory may be read by one call alone.
  void check_inner(std::size_t inner) const {
    if (reads_[inner] != 1)
      fail(message(recording_.describe(inner), " is never in memory, but read elsewhere"));
  }

  /// How often each result is read, by outputs and by calls that an output depends on.
  static std::vector<std::size_t> count_reads(const Recording& recording) {
    std::vector<std::size_t> reads(recording.nodes().size());
    for (const std::size_t output : recording.outputs())
      ++reads[output];
    for (std::size_t n = reads.size(); n-- > 0;) {
      if (reads[n] == 0) continue;
      for (const std::size_t operand : recording.nodes()[n].operands)
        ++reads[operand];
    }
    return reads;
  }

  /// What memory must hold to be this node's result: its own run if a step computes it, else what it is a
  /// view or a concatenation of.
  const Content& wanted(std::size_t node) {
    if (wanted_[node]) return *wanted_[node];
    const Recording::Node& at = recording_.nodes()[node];
    Content content;
    if (computed_[node] || at.operation == nullptr || at.operation->is_constant()) {
      append(content, {node, 0, at.spec.bytes()});
    } else {
      std::vector<TensorSpec> specs;
      for (const std::size_t operand : at.operands)
        specs.push_back(recording_.nodes()[operand].spec);
      if (const auto view = at.operation->view_offset(specs)) {
        content = cut(wanted(at.operands[0]), *view, at.spec.bytes());
      } else {
        std::size_t end = 0;
        for (std::size_t i = 0; i < specs.size(); ++i) {
          const auto offset = at.operation->part_offset(i, specs);
          if (!offset || *offset != end) fail(message(recording_.describe(node), " is computed by no step"));
          for (const Run& run : wanted(at.operands[i]))
            append(content, run);
          end += specs[i].bytes();
        }
      }
    }
    wanted_[node] = std::move(content);
    return *wanted_[node];
  }

  Memory& memory_of(const PlanPlace& place) { return memories_[{place.kind, place.index}]; }

  void check_operand(const PlanTensor& operand) {
    const std::size_t bytes = operand.spec.bytes();
    Content held;
    if (operand.place.kind == PlanPlace::Kind::input || operand.place.kind == PlanPlace::Kind::constant) {
      const std::size_t from = operand.place.index;  // holds its own elements, always
      const bool is_input = from < recording_.input_count();
      const bool is_constant =
          from < recording_.nodes().size() && !is_input && recording_.nodes()[from].operation->is_constant();
      if (!(operand.place.kind == PlanPlace::Kind::input ? is_input : is_constant)) {
        fail(message("there is no such input or constant: ", from));
      }
      held = cut({{from, 0, recording_.nodes()[from].spec.bytes()}}, operand.place.offset, bytes);
    } else {
      held = memory_of(operand.place).read(operand.place.offset, bytes);
    }
    if (!equal(held, wanted(operand.node))) {
      fail(message(recording_.describe(steps_[step_].result.node), " would not read ",
                   recording_.describe(operand.node)));
    }
  }

  void check_spec(const PlanTensor& tensor, std::size_t node) const {
    if (tensor.spec != recording_.nodes()[node].spec) {
      fail(message(recording_.describe(node), " is ", recording_.nodes()[node].spec, ", not ", tensor.spec));
    }
  }

  void check_target(const PlanStep& step) const {
    const PlanPlace& to = step.result.place;
    const std::size_t end = to.offset + step.result.spec.bytes();
    if (to.kind == PlanPlace::Kind::input || to.kind == PlanPlace::Kind::constant) {
      fail("the caller's input or a parameter would be written");
    }
    if (to.kind == PlanPlace::Kind::arena && end > arena_bytes_) fail("the result ends behind the arena");
    if (to.kind == PlanPlace::Kind::output &&
        (to.index >= recording_.outputs().size() ||
         end > recording_.nodes()[recording_.outputs()[to.index]].spec.bytes())) {
      fail("the result ends behind the output");
    }
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const PlanTensor& operand = step.operands[i];
      if (operand.spec.shape.numel() == 0) continue;
      if (operand.place.kind != to.kind || operand.place.index != to.index) continue;
      const std::size_t begin = operand.place.offset, stop = begin + operand.spec.bytes();
      if (stop <= to.offset || end <= begin) continue;
      if (begin != to.offset || stop != end || !step.operation->runs_in_place(i)) {
        fail(message("the result would be written over operand ", i));
      }
    }
  }

  void replay(const PlanStep& step) {
    for (const PlanTensor& operand : step.operands) {
      check_spec(operand, operand.node);
      check_operand(operand);
    }
    check_spec(step.result, step.copies ? step.operands[0].node : step.result.node);
    check_target(step);
    memory_of(step.result.place)
        .write(step.result.place.offset, wanted(step.copies ? step.operands[0].node : step.result.node));
  }

  const Recording& recording_;
  std::span<const PlanStep> steps_;
  std::size_t arena_bytes_;
  std::vector<std::optional<Content>> wanted_;
  std::vector<bool> computed_;
  std::vector<std::size_t> reads_;
  std::map<std::tuple<PlanPlace::Kind, std::size_t>, Memory> memories_;
  std::size_t step_ = 0;
};

}  // namespace

void verify(const Recording& recording, std::span<const PlanStep> steps, std::size_t arena_bytes) {
  Verifier(recording, steps, arena_bytes).run();
}

}  // namespace upconv::plan
