#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/network.h>
#include <upconv/framework/parameter_operation.h>
#include <upconv/framework/plan_cache.h>

namespace upconv {

Value Network::forward(Value) const {
  throw StateError(message(display_name(), ": override forward or forward_all"));
}

Values Network::forward_all(std::span<const Value> inputs) const {
  if (inputs.size() != 1) {
    throw ArgumentError(message(display_name(), ": forward takes one input, got ", inputs.size()));
  }
  return {forward(inputs[0])};
}

std::shared_ptr<const Recording> Network::record(std::span<const TensorSpec> inputs) const {
  if (inputs.empty()) throw ArgumentError(message(display_name(), ": there is no input"));
  return Recording::of(inputs, [this](std::span<const Value> values) {
    const Recording::Scope scope(Recording::common(display_name(), values, {}), *this, {});
    return forward_all(values);
  });
}

std::shared_ptr<Plan> Network::plan_for(std::span<const TensorSpec> inputs, ExecutionContext& ctx) const {
  PlanCache& cache = ctx.state<PlanCache>();
  if (std::shared_ptr<Plan> plan = cache.find(state(), inputs)) return plan;
  check_prepared(ctx);
  auto plan = std::make_shared<Plan>(record(inputs), ctx);
  cache.insert(state(), inputs, plan);
  return plan;
}

std::shared_ptr<Plan> Network::plan_for(std::span<const ConstTensorView> inputs,
                                        ExecutionContext& ctx) const {
  if (std::shared_ptr<Plan> plan = ctx.state<PlanCache>().find(state(), inputs)) return plan;
  std::vector<TensorSpec> specs;
  for (const ConstTensorView& input : inputs)
    specs.push_back(input.spec());
  return plan_for(specs, ctx);
}

Value Network::record_call(Value x, SourceLocation where) const {
  const Recording::Scope scope(Recording::common(display_name(), {&x, 1}, where), *this, where);
  const Values outputs = forward_all({&x, 1});
  if (outputs.size() != 1) {
    throw ArgumentError(
        message(display_name(), ": it has ", outputs.size(), " outputs: call its forward_all"));
  }
  return outputs[0];
}

Value Network::value_of(ParameterId id, const Value& x, SourceLocation where) const {
  const Device device = x.defined() ? x.spec().device : Device::cpu();
  return Recording::constant(std::make_shared<ParameterOperation>(*this, id, device), x, where);
}

TensorSpec Network::output_spec(const TensorSpec& x) const {
  const std::vector<TensorSpec> specs = output_specs({&x, 1});
  if (specs.size() != 1) {
    throw ArgumentError(message(display_name(), ": it has ", specs.size(), " outputs: ask output_specs"));
  }
  return specs[0];
}

std::vector<TensorSpec> Network::output_specs(std::span<const TensorSpec> inputs) const {
  const std::shared_ptr<const Recording> recording = record(inputs);
  std::vector<TensorSpec> specs;
  for (const std::size_t output : recording->outputs())
    specs.push_back(recording->nodes()[output].spec);
  return specs;
}

TensorSpec Network::planned_output_spec(const TensorSpec& x, ExecutionContext& ctx) const {
  const std::shared_ptr<Plan> plan = plan_for({&x, 1}, ctx);
  const std::vector<std::size_t>& outputs = plan->recording().outputs();
  if (outputs.size() != 1) {
    throw ArgumentError(
        message(display_name(), ": it has ", outputs.size(), " outputs: give forward_into as many"));
  }
  return plan->recording().nodes()[outputs[0]].spec;
}

std::string Network::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  return explain({&x, 1}, ctx);
}

std::string Network::explain(std::span<const TensorSpec> inputs, const ExecutionContext& ctx) const {
  const Plan plan(record(inputs), ctx);
  return message(display_name(), " on ", ctx.device(), ": ", plan.explain(ctx));
}

void Network::prepare(ExecutionContext& ctx, std::span<const TensorSpec> inputs) {
  prepare(ctx);
  std::vector<Tensor> tensors;
  std::vector<ConstTensorView> views;
  for (const TensorSpec& spec : inputs) {
    Tensor zeros = Tensor::zeros(spec.shape, spec.dtype);
    tensors.push_back(ctx.device().is_cpu() ? std::move(zeros) : zeros.to(ctx.device()));
    views.push_back(tensors.back());
  }
  static_cast<void>((*this)(views, ctx));
  ctx.synchronize();
}

std::vector<Tensor> Network::operator()(std::span<const ConstTensorView> inputs,
                                        ExecutionContext& ctx) const {
  for (const ConstTensorView& input : inputs)
    check_input(input, ctx);
  std::vector<Tensor> outputs;
  std::vector<TensorView> views;
  for (const TensorSpec& spec : plan_for(inputs, ctx)->output_specs()) {
    outputs.push_back(make_output(spec, ctx));
    views.push_back(outputs.back());
  }
  forward_into(inputs, views, ctx);
  return outputs;
}

void Network::forward_into(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs,
                           ExecutionContext& ctx) const {
  for (const ConstTensorView& input : inputs)
    check_input(input, ctx);
  const std::shared_ptr<Plan> plan = plan_for(inputs, ctx);
  const std::vector<std::size_t>& wanted = plan->recording().outputs();
  if (outputs.size() != wanted.size()) {
    throw ArgumentError(message(display_name(), ": it has ", wanted.size(),
                                " outputs, forward_into was given ", outputs.size()));
  }
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    for (const ConstTensorView& input : inputs)
      check_forward(input, outputs[k], plan->recording().nodes()[wanted[k]].spec);
    for (std::size_t j = 0; j < k; ++j) {
      if (overlap(outputs[j], outputs[k])) {
        throw ArgumentError(message(display_name(), ": outputs ", j, " and ", k,
                                    " overlap in memory: give each its own tensor"));
      }
    }
  }
  plan->run(inputs, outputs, ctx);
}

void Network::do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  plan_for({&x.spec(), 1}, ctx)->run({&x, 1}, {&y, 1}, ctx);
}

}  // namespace upconv
