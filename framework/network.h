#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <upconv/framework/module.h>
#include <upconv/framework/plan.h>

namespace upconv {

/// Base of networks: modules whose `forward` is written as in PyTorch, on Values, with children and
/// functions.
///
///     class Block : public Network {
///      public:
///       Block() : Network("Block"), conv(add("conv", Conv2d({...}))) {}
///       Value forward(Value x) const override { return relu(conv(x)) + x; }
///      private:
///       Conv2d& conv;
///     };
///
/// `forward` is called once for each input shape, to record it; what is run is a plan of the recording, with
/// layers fused, views for nothing, and all that lies between layers in one piece of the context's memory.
/// Plans are kept in the context: `net(x, ctx)` of a size that it has met plans nothing and allocates nothing
/// but its output. `forward` must depend on shapes and types alone, and keep no Value. Throws: as its
/// children do, with the place in `forward`. Source: torch.nn.Module.
class Network : public Module {
 public:
  /// What the network computes, for one input and one output. Override this or `forward_all`.
  virtual Value forward(Value x) const;
  /// The same for any number of inputs and outputs.
  virtual Values forward_all(std::span<const Value> inputs) const;
  using Module::forward;

  /// Prepares, plans and runs once for inputs of these specs, so that the first real run is warm: it
  /// allocates nothing and can be captured in a CUDA graph. Throws: as `prepare` and a run do.
  void prepare(ExecutionContext& ctx, std::span<const TensorSpec> inputs);
  using Module::prepare;

  /// Runs a network of several inputs or outputs. Throws: ArgumentError on another number of them; else as
  /// Module::forward.
  std::vector<Tensor> operator()(std::span<const ConstTensorView> inputs, ExecutionContext& ctx) const;
  /// The same into tensors of the caller's, which overlap neither inputs nor each other.
  void forward_into(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs,
                    ExecutionContext& ctx) const;
  using Module::forward_into;
  using Module::operator();

  TensorSpec output_spec(const TensorSpec& x) const override;
  /// Specs of all outputs for inputs of these specs; no device is needed. Throws: as `forward` does.
  std::vector<TensorSpec> output_specs(std::span<const TensorSpec> inputs) const;
  /// The plan for an input like `x`: a line for each step, with what was fused and what was not, and why.
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;
  /// The same for several inputs.
  std::string explain(std::span<const TensorSpec> inputs, const ExecutionContext& ctx) const;

 protected:
  /// A network of this class name, without children.
  explicit Network(std::string type_name) : Module(std::move(type_name)) {}

  /// Takes a child under PyTorch's name, and returns it where it stays, also when this network moves.
  /// Throws: ArgumentError if the name is empty, taken, or contains a dot.
  template <class M>
  M& add(std::string name, M child) {
    return static_cast<M&>(register_module(std::move(name), std::make_unique<M>(std::move(child))));
  }

  /// A parameter or buffer of this network, as a value of the recording that `x` belongs to: `x *
  /// value_of(scale_, x)`. Throws: StateError if x is not a value of a recording that is being made.
  Value value_of(ParameterId id, const Value& x, SourceLocation where = SourceLocation::here()) const;

 private:
  friend class ParameterOperation;
  std::shared_ptr<const Recording> record(std::span<const TensorSpec> inputs) const;
  std::shared_ptr<Plan> plan_for(std::span<const TensorSpec> inputs, ExecutionContext& ctx) const;
  std::shared_ptr<Plan> plan_for(std::span<const ConstTensorView> inputs, ExecutionContext& ctx) const;
  Value record_call(Value x, SourceLocation where) const override;
  TensorSpec planned_output_spec(const TensorSpec& x, ExecutionContext& ctx) const override;
  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override;
};

}  // namespace upconv
