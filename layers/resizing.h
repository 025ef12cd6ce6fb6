#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <upconv/framework/network.h>

namespace upconv {

/// How interpolate makes a pixel, by PyTorch's names. `linear` and `trilinear` are not for images; they are
/// here to be refused in PyTorch's words.
enum class InterpolateMode : std::uint8_t {
  nearest,
  linear,
  bilinear,
  bicubic,
  trilinear,
  area,
  nearest_exact,
};

/// "nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"
std::string_view name_of(InterpolateMode mode);

/// Factors of height and width: `{2.0, 1.5}`, or `2.0` for both, as in PyTorch.
struct Scale2d {
  double h = 1;  ///< Of the height.
  double w = 1;  ///< Of the width.

  constexpr Scale2d(double both) : h(both), w(both) {}  ///< The same for both.
  /// Height first, as in PyTorch.
  constexpr Scale2d(double height, double width) : h(height), w(width) {}
  friend constexpr bool operator==(const Scale2d&, const Scale2d&) = default;  ///< The same factors.
};

/// Options of interpolate; names and defaults are torch.nn.functional.interpolate's.
struct InterpolateOptions {
  std::optional<Size2d> size = std::nullopt;           ///< Of y. This or scale_factor.
  std::optional<Scale2d> scale_factor = std::nullopt;  ///< Sizes of y are rounded down.
  InterpolateMode mode = InterpolateMode::nearest;     ///< How a pixel is made.
  /// The centres of the corner pixels stay where they are. Bilinear and bicubic alone; nothing is false.
  std::optional<bool> align_corners = std::nullopt;
  /// Positions follow from the rounded sizes, not from scale_factor. Nothing is false.
  std::optional<bool> recompute_scale_factor = std::nullopt;
  bool antialias = false;  ///< Downscaling averages. Bilinear and bicubic alone.
};

/// Options of Upsample; names and defaults are torch.nn.Upsample's. As those of interpolate.
struct UpsampleOptions {
  std::optional<Size2d> size = std::nullopt;                  ///< Of y. This or scale_factor.
  std::optional<Scale2d> scale_factor = std::nullopt;         ///< Sizes of y are rounded down.
  InterpolateMode mode = InterpolateMode::nearest;            ///< How a pixel is made.
  std::optional<bool> align_corners = std::nullopt;           ///< The corner pixels stay.
  std::optional<bool> recompute_scale_factor = std::nullopt;  ///< Positions follow from sizes.
};

/// Options of UpsamplingNearest2d and UpsamplingBilinear2d; names and defaults are torch.nn's.
struct Upsampling2dOptions {
  std::optional<Size2d> size = std::nullopt;           ///< Of y. This or scale_factor.
  std::optional<Scale2d> scale_factor = std::nullopt;  ///< Sizes of y are rounded down.
};

/// Images in another size, [N,C,IH,IW] to [N,C,OH,OW]. Pixels are taken or weighted as PyTorch does on images
/// beyond 128 pixels and on a GPU; of f16 and bf16 in f32, rounded once. `area` is adaptive_avg_pool2d.
/// DType: f32, f16, bf16. Execution: deterministic. Throws: ShapeError, DTypeError; ArgumentError on options
/// that do not go together, and on modes for other than images. Source: torch.nn.functional.interpolate.
Value interpolate(const Value& x, const InterpolateOptions& options,
                  SourceLocation where = SourceLocation::here());

/// See interpolate. Source: torch.nn.Upsample.
class Upsample : public Network {
 public:
  /// A layer of these options.
  explicit Upsample(const UpsampleOptions& options) : Upsample("Upsample", options) {}
  Value forward(Value x) const override;
  std::string extra_repr() const override;
  using Network::forward;

 protected:
  /// The same under another class name.
  Upsample(std::string type_name, const UpsampleOptions& options)
      : Network(std::move(type_name)), options_(options) {}

 private:
  UpsampleOptions options_;
};

/// Upsample to nearest neighbours. Source: torch.nn.UpsamplingNearest2d.
class UpsamplingNearest2d : public Upsample {
 public:
  /// A layer of these options.
  explicit UpsamplingNearest2d(const Upsampling2dOptions& options)
      : Upsample("UpsamplingNearest2d", {.size = options.size, .scale_factor = options.scale_factor}) {}
};

/// Bilinear Upsample with aligned corners. Source: torch.nn.UpsamplingBilinear2d.
class UpsamplingBilinear2d : public Upsample {
 public:
  /// A layer of these options.
  explicit UpsamplingBilinear2d(const Upsampling2dOptions& options)
      : Upsample("UpsamplingBilinear2d", {.size = options.size,
                                          .scale_factor = options.scale_factor,
                                          .mode = InterpolateMode::bilinear,
                                          .align_corners = true}) {}
};

}  // namespace upconv
