#pragma once

// Highway's run-time dispatch, as every SIMD file of the CPU kernels uses it. Internal: not installed.
// Targets are a baseline, SSE4, AVX2+FMA and AVX-512 on x86-64, NEON on aarch64, and what Highway offers
// elsewhere. On x86-64 the variants in between gain nothing here and each costs compile time: SSSE3 (bit 12),
// and AVX-512 for Ice Lake, Zen 4 and Sapphire Rapids (bits 7, 6, 4; by number, since not every Highway names
// them). On aarch64 SVE's vectors have no size at compile time, so the micro-kernel's arrays of them do not
// compile.
#define HWY_DISABLED_TARGETS \
  ((1LL << 12) | (1LL << 7) | (1LL << 6) | (1LL << 4) | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#include <cstdint>
#include <string_view>

#include <hwy/targets.h>

namespace upconv::kernels::cpu {

/// The instruction set that the CPU kernels run with here: "AVX3" (AVX-512), "AVX2", "SSE4", ...
std::string_view simd_target();
/// The instruction sets they were compiled for, as a mask of Highway's targets.
std::int64_t simd_targets();

}  // namespace upconv::kernels::cpu
