#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <upconv/framework/shape.h>

namespace upconv {

class Recording;

/// A place in a source file. As a default argument, `here()` is the caller's.
struct SourceLocation {
  const char* file = "";  ///< As the compiler was given it.
  int line = 0;           ///< From 1; 0 if the place is not known.

  /// std::source_location does the same, but not with Clang 14 and GCC 12's library.
  static constexpr SourceLocation here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// A tensor that is not there yet: what a Network's `forward` takes, passes on and returns. It has a shape
/// and a type, but no elements, so nothing can branch on them. Cheap to copy; of use only inside the
/// `forward` that it was made in.
class Value {
 public:
  Value() = default;  ///< No value: `defined()` is false, and no function takes it.

  /// False for a value that was never assigned.
  bool defined() const { return recording_ != nullptr; }
  /// Shape, type and device. Throws: StateError if the value is not defined.
  const TensorSpec& spec() const;
  /// Sizes of its dimensions. Throws: as spec.
  const Shape& shape() const { return spec().shape; }
  /// Type of its elements. Throws: as spec.
  DType dtype() const { return spec().dtype; }
  /// Size of dimension `dim`; negative counts from the back, as in PyTorch. Throws: ShapeError out of range.
  std::int64_t size(int dim) const { return shape()[dim]; }

  /// A value has no elements while a network is recorded: `if (x)` cannot work.
  explicit operator bool() const = delete;

 private:
  friend class Recording;
  Value(std::shared_ptr<Recording> recording, std::size_t index)
      : recording_(std::move(recording)), index_(index) {}

  std::shared_ptr<Recording> recording_;
  std::size_t index_ = 0;
};

/// Several values, in order.
using Values = std::vector<Value>;

}  // namespace upconv
