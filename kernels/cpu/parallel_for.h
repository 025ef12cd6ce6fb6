#pragma once

#include <cstdint>
#include <functional>

/// A loop on all cores, for those who are compiled without OpenMP too. Internal: not installed.
namespace upconv::kernels::cpu {

/// Calls body(0) to body(count - 1), in any order, on up to `threads` threads at once. The body does not
/// throw.
void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace upconv::kernels::cpu
