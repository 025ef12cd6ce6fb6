#pragma once

#include <cstdint>

#include "flagship/layer.h"

namespace flagship {

/// Bytes a second, read and written together, of copying a tensor that no cache holds.
double copy_rate(upconv::ExecutionContext& ctx);

inline constexpr std::int64_t kMatrixSize = 8192;

/// Floating-point operations a second of Linear on kMatrixSize rows and features, with these numbers and the
/// context's precision.
double matrix_rate(upconv::ExecutionContext& ctx, upconv::DType dtype);

}  // namespace flagship
