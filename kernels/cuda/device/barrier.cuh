#pragma once

#include <cstdint>

/// Shared-memory addresses and mbarriers: how producer and consumer warps hand tiles to each other.
namespace upconv::kernels::cuda::device {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

using Barrier = std::uint64_t;

__device__ __forceinline__ void barrier_init(Barrier& barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(arrivals)
               : "memory");
}

/// Makes initialised barriers visible to the copy engine.
__device__ __forceinline__ void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(Barrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier)) : "memory");
}

/// Arrives, and lets the phase end only after the copy engine has written `bytes`.
__device__ __forceinline__ void barrier_arrive_expect(Barrier& barrier, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
               "r"(bytes)
               : "memory");
}

/// Arrives when all of this thread's earlier cp.async copies have landed.
__device__ __forceinline__ void barrier_arrive_after_copies(Barrier& barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(shared_address(&barrier))
               : "memory");
}

/// Waits until the phase with this parity has ended.
__device__ __forceinline__ void barrier_wait(Barrier& barrier, std::uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}\n" ::"r"(shared_address(&barrier)),
      "r"(parity)
      : "memory");
}

/// A position in a ring of stages, and the phase that its barriers are waited for next.
struct RingCursor {
  int stage = 0;
  std::uint32_t phase;

  /// `phase` 1: the first wait for each stage returns at once.
  __device__ __forceinline__ explicit RingCursor(std::uint32_t phase_) : phase(phase_) {}
  __device__ __forceinline__ void wait(Barrier* barriers) { barrier_wait(barriers[stage], phase); }
  __device__ __forceinline__ void advance(int stages) {
    if (++stage == stages) {
      stage = 0;
      phase ^= 1;
    }
  }
};

/// The same where a stage may be waited for again before the others: a phase for each.
struct RepeatingRingCursor {
  int stage = 0;
  std::uint32_t phases;  // a bit for each stage

  __device__ __forceinline__ explicit RepeatingRingCursor(std::uint32_t phase)
      : phases(phase != 0 ? ~0u : 0u) {}
  __device__ __forceinline__ void wait(Barrier* barriers, int at) {
    barrier_wait(barriers[at], phases >> at & 1u);
    phases ^= 1u << at;
  }
  __device__ __forceinline__ void wait(Barrier* barriers) { wait(barriers, stage); }
  __device__ __forceinline__ void advance(int stages) { skip(1, stages); }
  __device__ __forceinline__ void skip(int count, int stages) {
    stage += count;
    if (stage >= stages) stage -= stages;
  }
};

}  // namespace upconv::kernels::cuda::device
