#include <algorithm>
#include <numeric>

#include <upconv/framework/message.h>
#include <upconv/framework/plan_passes.h>

namespace upconv::plan {

namespace {

/// How often each node's result is read, as an output and by calls whose own result is read.
std::vector<std::size_t> count_reads(const Recording& recording) {
  const std::vector<Recording::Node>& nodes = recording.nodes();
  std::vector<std::size_t> reads(nodes.size());
  for (const std::size_t output : recording.outputs())
    ++reads[output];
  for (std::size_t n = nodes.size(); n-- > 0;) {
    if (reads[n] == 0) continue;
    for (const std::size_t operand : nodes[n].operands)
      ++reads[operand];
  }
  return reads;
}

PlanTensor tensor_of(const Recording& recording, std::size_t node) {
  return {.node = node, .spec = recording.nodes()[node].spec, .place = {}};
}

/// Tries to join `step` with the step that makes its operand `k`, and does so if they can be.
bool join(PlanStep& step, PlanStep& producer, std::size_t k, const ExecutionContext& ctx) {
  std::vector<PlanTensor> operands = producer.operands;
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    if (i != k) operands.push_back(step.operands[i]);
  }
  std::vector<TensorSpec> specs;
  specs.reserve(operands.size());
  for (const PlanTensor& operand : operands)
    specs.push_back(operand.spec);
  Fusion fusion = producer.operation->fuse(*step.operation, k, specs, ctx);
  if (fusion.operation == nullptr) {
    if (step.note.empty()) step.note = std::move(fusion.reason);
    return false;
  }
  step.operation = std::move(fusion.operation);
  step.operands = std::move(operands);
  step.nodes.insert(step.nodes.begin(), producer.nodes.begin(), producer.nodes.end());
  step.note = std::move(producer.note);
  producer.operation = nullptr;  // its work is done in `step`
  return true;
}

}  // namespace

std::vector<PlanStep> fuse(const Recording& recording, const PlanPolicy& policy,
                           const ExecutionContext& ctx) {
  const std::vector<Recording::Node>& nodes = recording.nodes();
  const std::vector<std::size_t> reads = count_reads(recording);
  std::vector<PlanStep> by_node(nodes.size());
  for (std::size_t n = recording.input_count(); n < nodes.size(); ++n) {
    if (nodes[n].operation->is_constant()) continue;
    if (reads[n] == 0) continue;  // nobody wants it
    PlanStep& step = by_node[n];
    step.operation = nodes[n].operation;
    step.nodes = {n};
    step.result = tensor_of(recording, n);
    for (const std::size_t operand : nodes[n].operands)
      step.operands.push_back(tensor_of(recording, operand));
    if (!policy.fuse) continue;
    // The latest producer first: the other operands are there by then.
    std::vector<std::size_t> order(step.operands.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, std::greater{}, [&](std::size_t k) { return nodes[n].operands[k]; });
    for (const std::size_t k : order) {
      PlanStep& producer = by_node[nodes[n].operands[k]];
      if (producer.operation == nullptr) continue;  // an input, or a constant
      if (reads[producer.result.node] != 1) {
        if (step.note.empty())
          step.note = message("its operand is read ", reads[producer.result.node], " times");
        continue;
      }
      if (join(step, producer, k, ctx)) break;
    }
  }
  std::vector<PlanStep> steps;
  for (PlanStep& step : by_node) {
    if (step.operation != nullptr) steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace upconv::plan
