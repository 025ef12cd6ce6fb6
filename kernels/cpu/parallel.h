#pragma once

#include <atomic>
#include <cstddef>

#include <upconv/kernels/cpu/keep_openmp.h>

/// The one place where the CPU kernels start threads. Internal: not installed.
namespace upconv::kernels::cpu {

/// At most `wanted` threads: as many as `flops` operations keep busy, since waking one costs microseconds.
int worthwhile_threads(int wanted, double flops);

/// At most `wanted` threads: as many as keep their scratch together within the size of the operands, or
/// within 2 MB for each thread, whichever is more. At least 1.
int affordable_threads(int wanted, std::size_t scratch_bytes, std::size_t operand_bytes);

/// `wanted`, or 1 in a process that was forked off one in which threads had run: fork copies the calling
/// thread alone, and OpenMP would wait for the others forever.
int startable_threads(int wanted);

/// Calls body(thread) on up to `threads` threads at once, thread counting from 0. OpenMP may give fewer, so
/// the body takes what is left to do from a counter. The body does not throw.
template <class Body>
void run_parallel(int threads, const Body& body) {
  if (threads > 1) threads = startable_threads(threads);
  if (threads <= 1) {
    body(0);  // without OpenMP, which after a fork may not even run one thread
    return;
  }
  keep_openmp_loaded();
  std::atomic<int> next_thread = 0;
#pragma omp parallel num_threads(threads)
  body(next_thread++);
}

}  // namespace upconv::kernels::cpu
