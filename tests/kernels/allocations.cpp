#include "allocations.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace {
std::atomic<std::size_t> allocations = 0;
}

namespace upconv::test {
std::size_t allocation_count() {
  return allocations;
}
}  // namespace upconv::test

#ifndef __has_feature  // how Clang says what GCC's __SANITIZE_*__ say
#define __has_feature(feature) 0
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
bool upconv::test::counts_allocations() {
  return true;
}

// glibc lets a program bring its own malloc; this one counts. operator new calls malloc or aligned_alloc.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  ++allocations;
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#else
bool upconv::test::counts_allocations() {
  return false;
}
#endif
