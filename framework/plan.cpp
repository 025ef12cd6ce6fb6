#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>

#include <upconv/framework/message.h>
#include <upconv/framework/plan.h>
#include <upconv/framework/plan_passes.h>

namespace upconv {

namespace {

std::vector<PlanStep> make_steps(const Recording& recording, const ExecutionContext& ctx,
                                 std::size_t& arena_bytes) {
  const PlanPolicy& policy = ctx.planning();
  std::vector<PlanStep> steps = plan::fuse(recording, policy, ctx);
  const plan::Layout layout = plan::share(recording, steps, policy);
  arena_bytes = plan::place(layout, steps, policy);
  return steps;
}

}  // namespace

Plan::Plan(std::shared_ptr<const Recording> recording, const ExecutionContext& ctx)
    : recording_(std::move(recording)), steps_(make_steps(*recording_, ctx, arena_bytes_)) {
  finish();
}

Plan::Plan(std::shared_ptr<const Recording> recording, std::vector<PlanStep> steps, std::size_t arena_bytes)
    : recording_(std::move(recording)), arena_bytes_(arena_bytes), steps_(std::move(steps)) {
  finish();
}

void Plan::finish() {
  plan::verify(*recording_, steps_, arena_bytes_);
  std::size_t most = 0;
  for (const PlanStep& step : steps_)
    most = std::max(most, step.operands.size());
  operands_.resize(most);
}

std::vector<TensorSpec> Plan::output_specs() const {
  std::vector<TensorSpec> specs;
  for (const std::size_t output : recording_->outputs())
    specs.push_back(recording_->nodes()[output].spec);
  return specs;
}

void Plan::run(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs,
               ExecutionContext& ctx) {
  Workspace::Scope scratch(ctx.workspace());
  auto* const arena = arena_bytes_ == 0 ? nullptr : static_cast<std::byte*>(scratch.take(arena_bytes_));
  const auto at = [](const void* base, std::size_t offset) {
    return static_cast<const std::byte*>(base) + offset;
  };
  const auto read = [&](const PlanTensor& tensor) -> ConstTensorView {
    const PlanPlace& place = tensor.place;
    switch (place.kind) {
      case PlanPlace::Kind::arena:
        return {arena + place.offset, tensor.spec};
      case PlanPlace::Kind::input:
        return {at(inputs[place.index].raw(), place.offset), tensor.spec};
      case PlanPlace::Kind::output:
        return {at(outputs[place.index].raw(), place.offset), tensor.spec};
      case PlanPlace::Kind::constant:
        return {at(recording_->nodes()[place.index].operation->constant(ctx).raw(), place.offset),
                tensor.spec};
    }
    return {};
  };
  for (const PlanStep& step : steps_) {
    if (step.result.spec.shape.numel() == 0) continue;
    for (std::size_t i = 0; i < step.operands.size(); ++i)
      operands_[i] = read(step.operands[i]);
    const PlanPlace& place = step.result.place;
    std::byte* const base =
        place.kind == PlanPlace::Kind::output ? static_cast<std::byte*>(outputs[place.index].raw()) : arena;
    step.operation->run({operands_.data(), step.operands.size()}, {base + place.offset, step.result.spec},
                        ctx);
  }
}

namespace {

std::string bytes_text(std::size_t bytes) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(bytes < 10'000'000 ? 2 : 0) << static_cast<double>(bytes) / 1e6
       << " MB";
  return text.str();
}

/// What the reader of a plan wants to know of where a result lies.
std::string place_of(const PlanStep& step) {
  if (step.result.place.kind == PlanPlace::Kind::output) return "output";
  for (const PlanTensor& operand : step.operands) {
    if (operand.place == step.result.place) return "in place";
  }
  return step.in_whole ? "in cat" : "";
}

}  // namespace

std::string Plan::explain(const ExecutionContext& ctx) const {
  std::vector<std::array<std::string, 5>> lines;
  for (const PlanStep& step : steps_) {
    std::string operations;
    if (step.copies) operations = "copy";
    for (std::size_t i = 0; i < step.nodes.size() && !step.copies; ++i) {
      operations += message(i == 0 ? "" : " + ", recording_->nodes()[step.nodes[i]].operation->name());
    }
    std::vector<TensorSpec> specs;
    for (const PlanTensor& operand : step.operands)
      specs.push_back(operand.spec);
    lines.push_back({message(step.result.spec.dtype, step.result.spec.shape), std::move(operations),
                     place_of(step), step.operation->kernel(specs, ctx), step.note});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], std::min<std::size_t>(line[i].size(), 72));
  }
  std::string text =
      message(recording_->nodes().size() - recording_->input_count(), " calls in ", steps_.size(), " steps, ",
              bytes_text(arena_bytes_), " of scratch beside the kernels' own\n");
  for (std::size_t s = 0; s < lines.size(); ++s) {
    std::ostringstream out;
    out << std::setw(4) << s << "  " << std::left;
    for (std::size_t i = 0; i < widths.size(); ++i)
      out << std::setw(static_cast<int>(widths[i])) << lines[s][i] << "  ";
    out << lines[s].back();
    std::string line = out.str();
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace upconv
