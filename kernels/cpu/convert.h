#pragma once

#include <cstdint>

#include <upconv/framework/dtype.h>

/// Runs of compute-type elements from and to f32, vectorised, on the calling thread. Rounds to nearest even.
namespace upconv::kernels::cpu {

void convert_to_f32(DType type, const void* from, std::int64_t count, float* to);
void convert_from_f32(const float* from, std::int64_t count, DType type, void* to);

}  // namespace upconv::kernels::cpu
