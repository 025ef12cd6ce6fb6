#pragma once

#include <cstddef>

namespace upconv::test {

/// Calls of malloc and operator new in this process so far, on any thread. Always 0 in sanitizer builds,
/// which bring their own.
std::size_t allocation_count();

}  // namespace upconv::test
