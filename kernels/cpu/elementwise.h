#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <upconv/kernels/cpu/parallel.h>

/// How the elementwise kernels cut [outer, channels, inner]: flat chunks, one thread each, whatever the
/// channels; within a chunk, runs of one channel.
namespace upconv::kernels::cpu {

inline constexpr std::int64_t kElementsPerChunk = 32 * 1024;

/// Calls body(first element, count, channel) for the runs of [begin, end).
template <class Body>
void for_each_run(std::int64_t begin, std::int64_t end, std::int64_t channels, std::int64_t inner,
                  const Body& body) {
  for (std::int64_t plane = begin / inner; begin < end; ++plane) {
    const std::int64_t stop = std::min(end, (plane + 1) * inner);
    body(begin, stop - begin, plane % channels);
    begin = stop;
  }
}

/// Calls body(begin, end) for every chunk of `size` elements, on up to `threads` threads; a thread takes the
/// next chunk when it is done with one.
template <class Body>
void for_each_chunk(std::int64_t size, int threads, const Body& body) {
  const std::int64_t chunks = (size + kElementsPerChunk - 1) / kElementsPerChunk;
  std::atomic<std::int64_t> next_chunk = 0;
  run_parallel(static_cast<int>(std::min<std::int64_t>(threads, chunks)), [&](int) {
    for (std::int64_t chunk = next_chunk++; chunk < chunks; chunk = next_chunk++)
      body(chunk * kElementsPerChunk, std::min(size, (chunk + 1) * kElementsPerChunk));
  });
}

}  // namespace upconv::kernels::cpu
