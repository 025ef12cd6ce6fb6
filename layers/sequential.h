#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <upconv/framework/network.h>

namespace upconv {

/// The network that runs modules one after the other. Children are named "0", "1", ... or as the caller says,
/// as in PyTorch, and may be networks themselves. Shape and DType: the first child's in, the last child's
/// out; with no child, the identity. Throws: as its children do; ArgumentError on a bad or repeated name.
/// Source: torch.nn.Sequential.
class Sequential : public Network {
 public:
  /// A chain without modules, the identity.
  Sequential() : Network("Sequential") {}

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
    register_module(std::move(name), std::make_unique<M>(std::forward<M>(module)));
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

  Value forward(Value x) const override;
  using Network::forward;
};

}  // namespace upconv
