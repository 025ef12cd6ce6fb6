#pragma once

#include <cstddef>

namespace upconv::test {

/// Calls of malloc and operator new in this process so far, on any thread. Always 0 where they cannot be
/// counted.
std::size_t allocation_count();
/// False in sanitizer builds, which bring their own malloc.
bool counts_allocations();

}  // namespace upconv::test
