#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include <upconv/framework/network.h>
#include <upconv/kernels/pad.h>
#include <upconv/layers/movement.h>

namespace upconv {

using kernels::PadMode;

/// x with elements added to the ends of its last dimensions. `pad` counts from the last one on: {left,
/// right}, {left, right, top, bottom} and so on; a negative amount cuts elements off. `value` is the
/// constant's. Shape: a constant takes any number of dimensions; the other modes two amounts of [N,C,W] or
/// [C,W], four of [N,C,H,W] or [C,H,W], and six of [N,C,D,H,W] or [C,D,H,W]. Reflected padding must be less
/// than the size it is taken from, circular padding at most that size. Amounts that only cut are a slice,
/// which costs nothing where the rest is one run. DType: any. Throws: ShapeError, ArgumentError, in PyTorch's
/// words, naming the place of the call; StateError for a Value of another recording. Source:
/// torch.nn.functional.pad.
Value pad(const Value& x, const Sizes& pad, PadMode mode = PadMode::constant, double value = 0,
          SourceLocation where = SourceLocation::here());

/// Elements added on both sides of the last kDims dimensions: one number for all sides, or two for each
/// dimension, the last one first: left, right, top, bottom, front, back. A negative number cuts off.
template <int kDims>
struct PadAmounts {
  std::array<std::int64_t, 2 * kDims> sides{};  ///< Left, right, top, bottom, front, back.

  constexpr PadAmounts(std::int64_t all) { sides.fill(all); }  ///< The same on all sides.
  /// Left, right.
  constexpr PadAmounts(std::int64_t left, std::int64_t right) requires(kDims == 1) : sides{left, right} {}
  /// Left, right, top, bottom.
  constexpr PadAmounts(std::int64_t left, std::int64_t right, std::int64_t top,
                       std::int64_t bottom) requires(kDims == 2)
      : sides{left, right, top, bottom} {}
  /// Left, right, top, bottom, front, back.
  constexpr PadAmounts(std::int64_t left, std::int64_t right, std::int64_t top, std::int64_t bottom,
                       std::int64_t front, std::int64_t back) requires(kDims == 3)
      : sides{left, right, top, bottom, front, back} {}
};

/// Options of ZeroPad, ReflectionPad, ReplicationPad and CircularPad of so many dimensions; torch.nn's.
template <int kDims>
struct PadOptions {
  PadAmounts<kDims> padding = 0;  ///< One number, or one for each side.
};

/// Options of ConstantPad1d, ConstantPad2d and ConstantPad3d; torch.nn's.
template <int kDims>
struct ConstantPadOptions {
  PadAmounts<kDims> padding = 0;  ///< One number, or one for each side.
  double value = 0;               ///< What is added.
};

/// What the padding modules share: `pad` with fixed amounts.
class PaddingLayer : public Network {
 public:
  Value forward(Value x) const override;
  std::string extra_repr() const override;
  using Network::forward;

 protected:
  /// A layer that pads by these amounts; `shows_value` says whether it prints the constant.
  PaddingLayer(const char* type_name, std::span<const std::int64_t> amounts, PadMode mode, double value = 0,
               bool shows_value = false);

 private:
  Sizes amounts_;
  PadMode mode_;
  double value_;
  bool shows_value_;
};

/// Zeros around the last dimension. Shape: x any with that many dimensions.
/// Source: torch.nn.ZeroPad1d.
class ZeroPad1d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ZeroPad1d(const PadOptions<1>& options)
      : PaddingLayer("ZeroPad1d", options.padding.sides, PadMode::constant) {}
};

/// The input mirrored at its border elements around the last dimension. Shape: x [N,C,W] or [C,W].
/// Source: torch.nn.ReflectionPad1d.
class ReflectionPad1d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReflectionPad1d(const PadOptions<1>& options)
      : PaddingLayer("ReflectionPad1d", options.padding.sides, PadMode::reflect) {}
};

/// The border elements around the last dimension. Shape: x [N,C,W] or [C,W].
/// Source: torch.nn.ReplicationPad1d.
class ReplicationPad1d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReplicationPad1d(const PadOptions<1>& options)
      : PaddingLayer("ReplicationPad1d", options.padding.sides, PadMode::replicate) {}
};

/// The elements of the other end around the last dimension. Shape: x [N,C,W] or [C,W].
/// Source: torch.nn.CircularPad1d.
class CircularPad1d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit CircularPad1d(const PadOptions<1>& options)
      : PaddingLayer("CircularPad1d", options.padding.sides, PadMode::circular) {}
};

/// A constant around the last dimension. Shape: x any with that many dimensions.
/// Source: torch.nn.ConstantPad1d.
class ConstantPad1d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ConstantPad1d(const ConstantPadOptions<1>& options)
      : PaddingLayer("ConstantPad1d", options.padding.sides, PadMode::constant, options.value, true) {}
};

/// Zeros around the last two dimensions. Shape: x any with that many dimensions.
/// Source: torch.nn.ZeroPad2d.
class ZeroPad2d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ZeroPad2d(const PadOptions<2>& options)
      : PaddingLayer("ZeroPad2d", options.padding.sides, PadMode::constant) {}
};

/// The input mirrored at its border elements around the last two dimensions. Shape: x [N,C,H,W] or [C,H,W].
/// Source: torch.nn.ReflectionPad2d.
class ReflectionPad2d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReflectionPad2d(const PadOptions<2>& options)
      : PaddingLayer("ReflectionPad2d", options.padding.sides, PadMode::reflect) {}
};

/// The border elements around the last two dimensions. Shape: x [N,C,H,W] or [C,H,W].
/// Source: torch.nn.ReplicationPad2d.
class ReplicationPad2d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReplicationPad2d(const PadOptions<2>& options)
      : PaddingLayer("ReplicationPad2d", options.padding.sides, PadMode::replicate) {}
};

/// The elements of the other end around the last two dimensions. Shape: x [N,C,H,W] or [C,H,W].
/// Source: torch.nn.CircularPad2d.
class CircularPad2d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit CircularPad2d(const PadOptions<2>& options)
      : PaddingLayer("CircularPad2d", options.padding.sides, PadMode::circular) {}
};

/// A constant around the last two dimensions. Shape: x any with that many dimensions.
/// Source: torch.nn.ConstantPad2d.
class ConstantPad2d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ConstantPad2d(const ConstantPadOptions<2>& options)
      : PaddingLayer("ConstantPad2d", options.padding.sides, PadMode::constant, options.value, true) {}
};

/// Zeros around the last three dimensions. Shape: x any with that many dimensions.
/// Source: torch.nn.ZeroPad3d.
class ZeroPad3d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ZeroPad3d(const PadOptions<3>& options)
      : PaddingLayer("ZeroPad3d", options.padding.sides, PadMode::constant) {}
};

/// The input mirrored at its border elements around the last three dimensions. Shape: x [N,C,D,H,W] or
/// [C,D,H,W]. Source: torch.nn.ReflectionPad3d.
class ReflectionPad3d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReflectionPad3d(const PadOptions<3>& options)
      : PaddingLayer("ReflectionPad3d", options.padding.sides, PadMode::reflect) {}
};

/// The border elements around the last three dimensions. Shape: x [N,C,D,H,W] or [C,D,H,W].
/// Source: torch.nn.ReplicationPad3d.
class ReplicationPad3d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ReplicationPad3d(const PadOptions<3>& options)
      : PaddingLayer("ReplicationPad3d", options.padding.sides, PadMode::replicate) {}
};

/// The elements of the other end around the last three dimensions. Shape: x [N,C,D,H,W] or [C,D,H,W].
/// Source: torch.nn.CircularPad3d.
class CircularPad3d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit CircularPad3d(const PadOptions<3>& options)
      : PaddingLayer("CircularPad3d", options.padding.sides, PadMode::circular) {}
};

/// A constant around the last three dimensions. Shape: x any with that many dimensions.
/// Source: torch.nn.ConstantPad3d.
class ConstantPad3d : public PaddingLayer {
 public:
  /// A layer of these options.
  explicit ConstantPad3d(const ConstantPadOptions<3>& options)
      : PaddingLayer("ConstantPad3d", options.padding.sides, PadMode::constant, options.value, true) {}
};

}  // namespace upconv
