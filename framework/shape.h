#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include <upconv/framework/device.h>
#include <upconv/framework/dtype.h>

namespace upconv {

/// Sizes of a tensor's dimensions, outermost first. Held inline: at most kMaxRank dimensions, none negative.
/// Rank 0 is a scalar with one element. Every constructor throws ShapeError on a bad size, rank, or on a
/// product of sizes that overflows, so `numel` always holds the true count.
class Shape {
 public:
  static constexpr int kMaxRank = 8;  ///< Most dimensions.

  Shape() = default;                                    ///< A scalar.
  Shape(std::initializer_list<std::int64_t> sizes);     ///< These sizes, outermost first.
  explicit Shape(std::span<const std::int64_t> sizes);  ///< The same from an array.

  int rank() const { return rank_; }             ///< Number of dimensions.
  std::int64_t numel() const { return numel_; }  ///< Number of elements: the product of the sizes.
  /// Size of dimension `dim`; negative counts from the back, as in PyTorch. Throws: ShapeError out of range.
  std::int64_t operator[](int dim) const;
  const std::int64_t* begin() const { return sizes_.data(); }        ///< The sizes, outermost first.
  const std::int64_t* end() const { return sizes_.data() + rank_; }  ///< Behind the last size.
  /// "[8,32,512,1024]"
  std::string to_string() const;

  friend bool operator==(const Shape&, const Shape&) = default;  ///< The same rank and sizes.

 private:
  std::array<std::int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
  std::int64_t numel_ = 1;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);  ///< Writes `to_string()`.

/// All that describes a tensor but its values.
struct TensorSpec {
  Shape shape;                    ///< Sizes.
  DType dtype = DType::f32;       ///< Type of the elements.
  Device device = Device::cpu();  ///< Where the elements lie.

  /// Bytes of the contiguous values. Throws: ShapeError if they overflow.
  std::size_t bytes() const;
  /// The same shape, type and device.
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

/// "f32[8,32,512,1024] on cpu"
std::ostream& operator<<(std::ostream& out, const TensorSpec& spec);

/// Height and width of an option such as `kernel_size`: `{5, 7}`, or `5` for both, as in PyTorch.
struct Size2d {
  std::int64_t h = 0;  ///< Height.
  std::int64_t w = 0;  ///< Width.

  constexpr Size2d(std::int64_t both) : h(both), w(both) {}  ///< The same for both.
  /// Height first, as in PyTorch.
  constexpr Size2d(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  friend constexpr bool operator==(const Size2d&, const Size2d&) = default;  ///< The same height and width.
};

/// "(5, 7)"
std::ostream& operator<<(std::ostream& out, Size2d size);

}  // namespace upconv
