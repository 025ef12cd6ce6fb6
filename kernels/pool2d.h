#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// What becomes of a window.
enum class PoolKind : std::uint8_t { max, average };

/// "max", "avg"
std::string_view name_of(PoolKind kind);

/// The maximum or mean of windows of images: everything that selects and parametrises a kernel. Plain data.
/// OH = (IH + 2*pad_h - dilation_h*(KH-1) - 1) / stride_h + 1, rounded down, or up in ceil_mode, but then
/// only as far as a window begins inside the image or its leading padding. Adaptive: OH is given, and window
/// i reaches from IH*i/OH, rounded down, to IH*(i+1)/OH, rounded up. Widths alike. Padding is no maximum; of
/// a mean, see `include_pad`. Source: torch.nn.functional.max_pool2d, avg_pool2d, adaptive_max_pool2d,
/// adaptive_avg_pool2d.
struct PoolProblem {
  PoolKind kind = PoolKind::max;  ///< What becomes of a window.
  bool adaptive = false;          ///< Windows follow from the sizes.
  std::int64_t planes = 1;        ///< Images times channels.
  std::int64_t ih = 1;            ///< Height of x.
  std::int64_t iw = 1;            ///< Width of x.
  std::int64_t oh = 1;            ///< Height of y.
  std::int64_t ow = 1;            ///< Width of y.
  std::int64_t kh = 1;            ///< Rows of a window; this and all below, unless adaptive.
  std::int64_t kw = 1;            ///< Columns of a window.
  std::int64_t stride_h = 1;      ///< Rows from one window to the next.
  std::int64_t stride_w = 1;      ///< Columns from one window to the next.
  std::int64_t pad_h = 0;         ///< Rows before and behind the image.
  std::int64_t pad_w = 0;         ///< Columns before and behind the image.
  std::int64_t dilation_h = 1;    ///< Rows between the elements of a window.
  std::int64_t dilation_w = 1;    ///< Columns between the elements of a window.
  bool include_pad = true;        ///< A mean divides by the window's size with its padding, but not past it.
  std::int64_t divisor = 0;       ///< A mean divides by this, if it is not zero.
  DType dtype = DType::f32;       ///< Of x and y.

  /// "max_p256ih512iw512oh256ow256kh2kw2_s2x2_p0x0_d1x1_f32"
  std::string to_string() const;
};

/// Output size of one axis. Not positive if there is none.
std::int64_t pooled_size(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         std::int64_t dilation, bool ceil_mode);

/// The operands of one call.
struct PoolOperands {
  ConstTensorView x;  ///< [planes, IH, IW]
  TensorView y;       ///< [planes, OH, OW]
};

/// Throws ShapeError, ArgumentError or DTypeError unless sizes, windows and type can be computed.
void validate(const PoolProblem& problem);

/// One implementation.
using PoolRow = KernelRow<PoolProblem, PoolOperands>;

/// The ordered table of a device type.
std::span<const PoolRow> pool2d_rows(Device::Type type);

/// Selects a row and runs it. Throws: ArgumentError, ShapeError, DTypeError, DeviceError if an operand is not
/// what the problem says, or if they overlap.
void pool2d(const PoolProblem& problem, const PoolOperands& operands, ModuleName layer,
            ExecutionContext& ctx);

}  // namespace upconv::kernels
