#pragma once

#include <cstdint>
#include <functional>

/// A loop on all cores, for what is done once, at prepare. Internal: not installed.
namespace upconv::kernels::cpu {

/// Calls body(0) to body(count - 1), in any order, on up to `threads` threads at once: this one, and others
/// that are gone when it returns. OpenMP's would stay, and a server that prepares a network and then forks
/// would have none of them in its children. The body does not throw.
void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace upconv::kernels::cpu
