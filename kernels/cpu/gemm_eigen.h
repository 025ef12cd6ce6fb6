#pragma once

#include <cstdint>

/// Eigen's matrix product, compiled once for each instruction set (gemm_eigen_*.cpp) and chosen at run time.
namespace upconv::kernels::cpu {

/// y[r, o] += sum over k of w[o, k] * x[r, k]; row-major, on the calling thread, without allocating.
struct GemmArguments {
  const float* w;  ///< [out][depth]
  const float* x;  ///< [rows][depth]
  float* y;        ///< [rows][y_step]
  std::int64_t out, rows, depth, y_step;
  float* scratch;  ///< kGemmScratch floats, aligned to 64 bytes.
};

// Eigen's blocking, fixed here so that a sum is split alike on every machine and no cache size is asked for:
// 128 x 256 of w (128 KB) and 256 x 256 of x (256 KB) are packed at a time.
inline constexpr std::int64_t kGemmOut = 128, kGemmDepth = 256, kGemmRows = 256;
inline constexpr std::int64_t kGemmScratch = (kGemmOut + kGemmRows) * kGemmDepth;

using Gemm = void (*)(const GemmArguments&);

extern const Gemm kGemmBaseline;
extern const Gemm kGemmAvx2;    ///< Null where this was not compiled.
extern const Gemm kGemmAvx512;  ///< Null where this was not compiled.

/// The best that this CPU runs, following Highway's choice of target so that tests can force it.
Gemm best_gemm();

}  // namespace upconv::kernels::cpu
