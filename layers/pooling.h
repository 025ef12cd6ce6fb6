#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <upconv/framework/network.h>
#include <upconv/layers/movement.h>

namespace upconv {

/// Options of max_pool2d; names and defaults are torch.nn.MaxPool2d's.
struct MaxPool2dOptions {
  Size2d kernel_size = 0;                       ///< Rows and columns of a window.
  std::optional<Size2d> stride = std::nullopt;  ///< kernel_size, if it is not given.
  Size2d padding = 0;                           ///< At most half the kernel's extent.
  Size2d dilation = 1;                          ///< Steps between the elements of a window.
  bool ceil_mode = false;                       ///< Output sizes are rounded up.
};

/// Options of avg_pool2d; names and defaults are torch.nn.AvgPool2d's.
struct AvgPool2dOptions {
  Size2d kernel_size = 0;                                       ///< Rows and columns of a window.
  std::optional<Size2d> stride = std::nullopt;                  ///< kernel_size, if it is not given.
  Size2d padding = 0;                                           ///< At most half the kernel.
  bool ceil_mode = false;                                       ///< Output sizes are rounded up.
  bool count_include_pad = true;                                ///< Padding counts in the mean.
  std::optional<std::int64_t> divisor_override = std::nullopt;  ///< Divides the sum, in place of the count.
};

/// Options of the adaptive pools; torch.nn.AdaptiveAvgPool2d's and AdaptiveMaxPool2d's.
struct AdaptivePool2dOptions {
  std::optional<std::int64_t> output_height = 1;  ///< Nothing keeps the input's.
  std::optional<std::int64_t> output_width = 1;   ///< Likewise.
};

/// The largest element of each window; a NaN is the largest. [N,C,IH,IW] or [C,IH,IW] to [N,C,OH,OW] or
/// [C,OH,OW], with OH = (IH + 2*padding - dilation*(kernel_size-1) - 1) / stride + 1, rounded down, or up in
/// ceil_mode. DType: f32, f16, bf16. Execution: deterministic. Throws: ShapeError, DTypeError, ArgumentError
/// on impossible options. Source: torch.nn.functional.max_pool2d.
Value max_pool2d(const Value& x, const MaxPool2dOptions& options,
                 SourceLocation where = SourceLocation::here());
/// The mean of each window; sizes as max_pool2d's, without dilation. Source: torch.nn.functional.avg_pool2d.
Value avg_pool2d(const Value& x, const AvgPool2dOptions& options,
                 SourceLocation where = SourceLocation::here());
/// The mean of OH x OW windows that cover the image. Source: torch.nn.functional.adaptive_avg_pool2d.
Value adaptive_avg_pool2d(const Value& x, const AdaptivePool2dOptions& options,
                          SourceLocation where = SourceLocation::here());
/// The largest element of OH x OW windows that cover the image. Source:
/// torch.nn.functional.adaptive_max_pool2d.
Value adaptive_max_pool2d(const Value& x, const AdaptivePool2dOptions& options,
                          SourceLocation where = SourceLocation::here());

/// The mean over height and width, the last two dimensions, which `dims` names in any order; with `keepdim`
/// they stay, of size 1. Throws: ArgumentError for other dimensions. Source: torch.mean.
Value mean(const Value& x, const Sizes& dims, bool keepdim = false,
           SourceLocation where = SourceLocation::here());

/// See max_pool2d. Source: torch.nn.MaxPool2d.
class MaxPool2d : public Network {
 public:
  /// A layer of these options.
  explicit MaxPool2d(const MaxPool2dOptions& options) : Network("MaxPool2d"), options_(options) {}
  Value forward(Value x) const override { return max_pool2d(x, options_, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  MaxPool2dOptions options_;
};

/// See avg_pool2d. Source: torch.nn.AvgPool2d.
class AvgPool2d : public Network {
 public:
  /// A layer of these options.
  explicit AvgPool2d(const AvgPool2dOptions& options) : Network("AvgPool2d"), options_(options) {}
  Value forward(Value x) const override { return avg_pool2d(x, options_, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  AvgPool2dOptions options_;
};

/// See adaptive_avg_pool2d. Source: torch.nn.AdaptiveAvgPool2d.
class AdaptiveAvgPool2d : public Network {
 public:
  /// A layer of these options.
  explicit AdaptiveAvgPool2d(const AdaptivePool2dOptions& options)
      : Network("AdaptiveAvgPool2d"), options_(options) {}
  Value forward(Value x) const override { return adaptive_avg_pool2d(x, options_, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  AdaptivePool2dOptions options_;
};

/// See adaptive_max_pool2d. Source: torch.nn.AdaptiveMaxPool2d.
class AdaptiveMaxPool2d : public Network {
 public:
  /// A layer of these options.
  explicit AdaptiveMaxPool2d(const AdaptivePool2dOptions& options)
      : Network("AdaptiveMaxPool2d"), options_(options) {}
  Value forward(Value x) const override { return adaptive_max_pool2d(x, options_, {}); }
  std::string extra_repr() const override;
  using Network::forward;

 private:
  AdaptivePool2dOptions options_;
};

}  // namespace upconv
