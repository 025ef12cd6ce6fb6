#pragma once

#include <vector>

#include <upconv/kernels/cpu/simd.h>

namespace upconv::test {

/// The instruction sets that the kernels were compiled for and this CPU has.
inline std::vector<std::int64_t> runnable_targets() {
  std::vector<std::int64_t> targets;
  for (std::int64_t left = hwy::SupportedTargets() & kernels::cpu::simd_targets(); left != 0;
       left &= left - 1)
    targets.push_back(left & -left);
  return targets;
}

/// Forces one instruction set for the lifetime of the object.
class ForcedTarget {
 public:
  explicit ForcedTarget(std::int64_t target) { hwy::SetSupportedTargetsForTest(target); }
  ~ForcedTarget() { hwy::SetSupportedTargetsForTest(0); }
  ForcedTarget(const ForcedTarget&) = delete;
  ForcedTarget& operator=(const ForcedTarget&) = delete;
};

}  // namespace upconv::test
