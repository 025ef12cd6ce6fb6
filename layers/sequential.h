#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <upconv/framework/module.h>
#include <upconv/layers/activation.h>
#include <upconv/layers/convolution_layer.h>

namespace upconv {

/// Runs modules one after the other. Children are named "0", "1", ... or as the caller says, as in PyTorch,
/// and may be Sequentials themselves. A convolution followed by an activation runs as one kernel; what lies
/// between layers stands in the context's workspace. Shape and DType: the first child's in, the last child's
/// out; with no child, the identity. Throws: as its children do; ArgumentError on a bad or repeated name.
/// Source: torch.nn.Sequential.
class Sequential : public Module {
 public:
  /// A chain without modules, the identity.
  Sequential() : Module("Sequential") {}

  /// Moves `module` in under the next number. Returns *this, so that calls can be chained.
  template <class M>
  requires std::derived_from<std::remove_cvref_t<M>, Module> &&
      (!std::is_lvalue_reference_v<M>)Sequential& append(M&& module) {
    return append(std::to_string(size()), std::forward<M>(module));
  }
  /// Moves `module` in under `name`.
  template <class M>
  requires std::derived_from<std::remove_cvref_t<M>, Module> &&
      (!std::is_lvalue_reference_v<M>)Sequential& append(std::string name, M&& module) {
    auto child = std::make_unique<M>(std::forward<M>(module));
    const Role role{as<ConvolutionLayer>(child.get()), as<ActivationLayer>(child.get())};
    add(std::move(name), role, std::move(child));
    return *this;
  }

  /// Modules are moved in, not copied: these say so where a variable is given by name.
  template <class M>
  requires std::derived_from<std::remove_cvref_t<M>, Module> Sequential& append(M& module) {
    return append({}, module);
  }
  /// The same with a name.
  template <class M>
  requires std::derived_from<std::remove_cvref_t<M>, Module> Sequential& append(const std::string&, M&) {
    static_assert(sizeof(M) == 0, "append takes the module over: write append(std::move(module))");
    return *this;
  }

  /// Number of children.
  std::size_t size() const { return children().size(); }
  /// True without children.
  bool empty() const { return children().empty(); }
  /// Throws: ArgumentError if there is no such child.
  Module& operator[](std::size_t index) const;
  /// The child of this name. Throws: ArgumentError if there is none.
  Module& operator[](std::string_view name) const;

  TensorSpec output_spec(const TensorSpec& x) const override;
  std::string explain(const TensorSpec& x, const ExecutionContext& ctx) const override;

 private:
  /// What a child is to fusion; null for what it is not. Noted where the child's class is known: dynamic_cast
  /// cannot ask classes of programs that are compiled without RTTI.
  struct Role {
    const ConvolutionLayer* convolution = nullptr;
    const ActivationLayer* activation = nullptr;
  };
  struct Step;

  template <class Layer, class M>
  static const Layer* as(const M* module) {
    if constexpr (std::derived_from<M, Layer>) return module;
    return nullptr;
  }
  void add(std::string name, Role role, std::unique_ptr<Module> child);
  Role role_of(std::size_t index) const;
  Step step_at(std::size_t index, const TensorSpec& x) const;

  void do_forward(ConstTensorView x, TensorView y, ExecutionContext& ctx) const override;

  std::vector<Role>
      roles_;  // of the children, in order; those that a subclass registered itself may lack one
};

}  // namespace upconv
