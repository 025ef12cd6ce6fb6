#include <algorithm>
#include <array>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/convolution_layer.h>
#include <upconv/layers/sequential.h>

namespace upconv {

/// One kernel's worth of a Sequential: a child, and the activation that its kernel applies as well, if any.
struct Sequential::Step {
  const Module* module = nullptr;
  const ConvolutionLayer* convolution = nullptr;  // set if an activation is fused
  const ActivationLayer* activation = nullptr;
  TensorSpec output;
  std::size_t next = 0;  // index of the child after the step

  /// The slot that the step writes: its input's if it can work in place there, else the other one. Slot -1 is
  /// the caller's x, which is never written.
  int slot_after(int slot) const {
    if (slot >= 0 && module->runs_in_place()) return slot;
    return slot == 0 ? 1 : 0;
  }
};

Sequential::Step Sequential::step_at(std::size_t index, const TensorSpec& x) const {
  const Module& child = (*this)[index];
  Step step{.module = &child, .output = child.output_spec(x), .next = index + 1};
  if (step.next == size()) return step;
  const ConvolutionLayer* convolution = role_of(index).convolution;
  const ActivationLayer* activation = role_of(step.next).activation;
  if (convolution == nullptr || activation == nullptr || !activation->fits_epilogue(step.output.shape))
    return step;
  step.convolution = convolution;
  step.activation = activation;
  step.output = activation->output_spec(step.output);
  ++step.next;
  return step;
}

void Sequential::add(std::string name, Role role, std::unique_ptr<Module> child) {
  roles_.resize(size() + 1);  // before the child is in, after which nothing can fail
  register_module(std::move(name), std::move(child));
  roles_.back() = role;
}

Sequential::Role Sequential::role_of(std::size_t index) const {
  return index < roles_.size() ? roles_[index] : Role{};
}

Module& Sequential::operator[](std::size_t index) const {
  if (index >= size())
    throw ArgumentError(message(display_name(), " has ", size(), " children, there is no ", index));
  return *children()[index].second;
}

Module& Sequential::operator[](std::string_view name) const {
  const auto found =
      std::ranges::find(children(), name, [](const auto& child) { return std::string_view(child.first); });
  if (found == children().end()) throw ArgumentError(message(display_name(), " has no child '", name, '\''));
  return *found->second;
}

TensorSpec Sequential::output_spec(const TensorSpec& x) const {
  TensorSpec spec = x;
  for (const auto& [name, child] : children())
    spec = child->output_spec(spec);
  return spec;
}

std::string Sequential::explain(const TensorSpec& x, const ExecutionContext& ctx) const {
  std::string text;
  TensorSpec spec = x;
  for (std::size_t i = 0; i < size();) {
    const Step step = step_at(i, spec);
    text += step.module->explain(spec, ctx);
    if (step.activation != nullptr)
      text += message(step.activation->display_name(), ": fused into the kernel above\n");
    spec = step.output;
    i = step.next;
  }
  return text;
}

void Sequential::do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const {
  if (empty()) return ctx.copy(y, x);

  // Two slots, each as large as the largest tensor that stands in it.
  std::array<std::size_t, 2> bytes{};
  TensorSpec spec = x.spec();
  int slot = -1;
  for (std::size_t i = 0; i < size();) {
    const Step step = step_at(i, spec);
    spec = step.output;
    i = step.next;
    slot = step.slot_after(slot);
    if (i < size()) bytes[slot] = std::max(bytes[slot], spec.bytes());
  }
  Workspace::Scope scratch(ctx.workspace());
  const std::array<void*, 2> slots = {scratch.take(bytes[0]), scratch.take(bytes[1])};

  ConstTensorView input = x;
  slot = -1;
  for (std::size_t i = 0; i < size();) {
    const Step step = step_at(i, input.spec());
    i = step.next;
    slot = step.slot_after(slot);
    const TensorView output = i < size() ? TensorView(slots[slot], step.output) : y;
    if (step.activation != nullptr) {
      step.activation->check_prepared(ctx);
      step.convolution->forward_activated_into(input, step.activation->activation(), output, ctx);
    } else {
      step.module->forward_into(input, output, ctx);
    }
    input = output;
  }
}

}  // namespace upconv
