#pragma once

// Highway's run-time dispatch, as every SIMD file of the CPU kernels uses it. Internal: not installed.
// Targets are a baseline, SSE4, AVX2+FMA and AVX-512 on x86-64, and what Highway offers elsewhere; the
// variants in between gain nothing here and each costs compile time: SSSE3 (bit 12), and AVX-512 for Ice
// Lake, Zen 4 and Sapphire Rapids (bits 7, 6, 4).
#define HWY_DISABLED_TARGETS ((1LL << 12) | (1LL << 7) | (1LL << 6) | (1LL << 4))

#include <cstdint>
#include <string_view>

#include <hwy/targets.h>

namespace upconv::kernels::cpu {

/// The instruction set that the CPU kernels run with here: "AVX3" (AVX-512), "AVX2", "SSE4", ...
std::string_view simd_target();
/// The instruction sets they were compiled for, as a mask of Highway's targets.
std::int64_t simd_targets();

}  // namespace upconv::kernels::cpu
