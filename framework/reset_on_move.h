#pragma once

#include <utility>

namespace upconv {

/// A member that is T{} again once its owner was moved from, so that the owner can tell, and keep its default
/// moves. T's own moves must not throw.
template <class T>
class ResetOnMove {
 public:
  /// T{}.
  ResetOnMove() = default;
  /// This value.
  ResetOnMove(T value) : value_(std::move(value)) {}
  /// Leaves T{} behind.
  ResetOnMove(ResetOnMove&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  /// Leaves T{} behind.
  ResetOnMove& operator=(ResetOnMove&& other) noexcept {
    if (this != &other) value_ = std::exchange(other.value_, T{});
    return *this;
  }

  /// The value.
  const T& get() const { return value_; }
  /// The value, to be changed.
  T& get() { return value_; }

 private:
  T value_{};
};

}  // namespace upconv
