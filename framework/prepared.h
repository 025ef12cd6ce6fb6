#pragma once

#include <memory>
#include <string>
#include <vector>

#include <upconv/framework/context.h>

namespace upconv {

/// What a layer computes once from its parameters, for the contexts of one device and precision: packed
/// weights, scales. A layer derives a struct of its own from it, makes one in `Module::prepare_for`, and
/// finds it again with `Module::prepared_state`. It does not change once it is made.
class Prepared {
 public:
  virtual ~Prepared() = default;
  Prepared(const Prepared&) = delete;             // a module owns it
  Prepared& operator=(const Prepared&) = delete;  // a module owns it

 protected:
  Prepared() = default;  ///< Holds nothing.
};

/// Everything that a module holds for the contexts of one device and precision. Internal to Module.
struct PreparedEntry {
  Device device;                          ///< Of those contexts.
  Precision precision = Precision::fp32;  ///< Of those contexts.
  std::shared_ptr<const std::vector<Tensor>>
      on_device;                        ///< The parameters on a GPU: one copy for all precisions.
  std::shared_ptr<const Prepared> own;  ///< The layer's own, or null.

  /// True for the contexts that it is made for.
  bool is_for(const ExecutionContext& ctx) const {
    return device == ctx.device() && precision == ctx.precision();
  }
};

}  // namespace upconv
