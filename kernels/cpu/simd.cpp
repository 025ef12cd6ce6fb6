#include <upconv/kernels/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <upconv/kernels/cpu/simd.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace upconv::kernels::cpu {
namespace HWY_NAMESPACE {

std::int64_t this_target() {
  return HWY_TARGET;
}

}  // namespace HWY_NAMESPACE
}  // namespace upconv::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upconv::kernels::cpu {

namespace {
HWY_EXPORT(this_target);
}  // namespace

std::string_view simd_target() {
  return hwy::TargetName(HWY_DYNAMIC_DISPATCH(this_target)());
}

std::int64_t simd_targets() {
  return HWY_TARGETS;
}

}  // namespace upconv::kernels::cpu
#endif
