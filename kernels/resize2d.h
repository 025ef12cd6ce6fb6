#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <upconv/framework/tensor.h>
#include <upconv/kernels/selection.h>

namespace upconv::kernels {

/// How a pixel is made of those around its place in the source.
enum class ResizeKind : std::uint8_t { nearest, nearest_exact, bilinear, bicubic };

/// "nearest", "nearest-exact", "bilinear", "bicubic"
std::string_view name_of(ResizeKind kind);

/// Images in another size: everything that selects and parametrises a kernel. Plain data. Output pixel o lies
/// at (o + 0.5) * step - 0.5 of the source, or at o * step if corners are aligned, computed in f32 as PyTorch
/// does. Source: torch.nn.functional.interpolate.
struct ResizeProblem {
  ResizeKind kind = ResizeKind::nearest;  ///< How a pixel is made.
  bool align_corners = false;             ///< The centres of the corner pixels stay; bilinear and bicubic.
  bool antialias = false;                 ///< Downscaling averages; bilinear and bicubic.
  std::int64_t planes = 1;                ///< Images times channels.
  std::int64_t ih = 1;                    ///< Height of x.
  std::int64_t iw = 1;                    ///< Width of x.
  std::int64_t oh = 1;                    ///< Height of y.
  std::int64_t ow = 1;                    ///< Width of y.
  double scale_h = 0;                     ///< OH / IH before it was rounded; 0: the sizes say it.
  double scale_w = 0;                     ///< OW / IW likewise.
  DType dtype = DType::f32;               ///< Of x and y.

  /// "bicubic_aa_p256ih512iw512oh256ow256_s0.5x0.5_f32"
  std::string to_string() const;
};

/// One axis of a problem, as kernels take it.
struct ResizeAxis {
  std::int64_t in = 1;   ///< Pixels of x.
  std::int64_t out = 1;  ///< Pixels of y.
  float step = 1;        ///< Pixels of x from one pixel of y to the next.
};

/// The rows of a problem's images.
ResizeAxis row_axis(const ResizeProblem& problem);
/// Their columns.
ResizeAxis column_axis(const ResizeProblem& problem);

/// Half the width, in pixels of x, of what an antialiased pixel of y is made of.
float antialias_support(ResizeKind kind, float step);
/// Pixels of x along an axis that a pixel of y is made of, at most.
std::int64_t resize_taps(const ResizeProblem& problem, const ResizeAxis& axis);

/// The operands of one call.
struct ResizeOperands {
  ConstTensorView x;  ///< [planes, IH, IW]
  TensorView y;       ///< [planes, OH, OW]
};

/// Throws ShapeError, ArgumentError or DTypeError unless sizes, options and type can be computed.
void validate(const ResizeProblem& problem);

/// One implementation.
using ResizeRow = KernelRow<ResizeProblem, ResizeOperands>;

/// The ordered table of a device type.
std::span<const ResizeRow> resize2d_rows(Device::Type type);

/// Selects a row and runs it. Throws: ArgumentError, ShapeError, DTypeError, DeviceError if an operand is not
/// what the problem says, or if they overlap.
void resize2d(const ResizeProblem& problem, const ResizeOperands& operands, ModuleName layer,
              ExecutionContext& ctx);

}  // namespace upconv::kernels
