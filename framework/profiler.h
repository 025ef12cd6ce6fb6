#pragma once

#include <upconv/framework/language.h>

namespace upconv {

/// Names what the calling thread does in a scope, for profilers: an NVTX range where upconv was built with
/// CUDA, nothing elsewhere. Kernels run in one that bears their row's name. It allocates nothing, and without
/// a profiler it costs a load and a branch.
class ProfilerRange {
 public:
  /// `name` ends with a zero byte; it is not kept.
  explicit ProfilerRange(const char* name) noexcept;
  ~ProfilerRange();
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;
};

}  // namespace upconv
