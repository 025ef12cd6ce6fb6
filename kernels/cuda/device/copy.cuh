#pragma once

#include <cstdint>

#include <cuda.h>

#include <upconv/kernels/cuda/device/barrier.cuh>

/// Copies from global to shared memory that run on their own: the copy engine's boxes and blocks (TMA), and
/// cp.async for rows whose alignment the engine cannot take.
namespace upconv::kernels::cuda::device {

/// Fetches a box of a rank-5 tensor; coordinates innermost first. Elements outside the tensor read zero.
/// The innermost coordinate must be a multiple of 16 bytes.
__device__ __forceinline__ void copy_box(void* to, const CUtensorMap& map, int c0, int c1, int c2, int c3,
                                         int c4, Barrier& done) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      " [%0], [%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(shared_address(to)),
      "l"(&map), "r"(shared_address(&done)), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
      : "memory");
}

/// Fetches `bytes` in one piece; both addresses and the size are multiples of 16 bytes.
__device__ __forceinline__ void copy_block(void* to, const void* from, std::uint32_t bytes, Barrier& done) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(&done))
      : "memory");
}

/// Fetches the first `bytes` of 16 bytes, and writes zero for the others; both addresses are multiples of 16.
__device__ __forceinline__ void copy_vector(void* to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(bytes)
               : "memory");
}

/// Fetches the first `bytes` of 4 bytes, and writes zero for the others.
__device__ __forceinline__ void copy_word(void* to, const void* from, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}

}  // namespace upconv::kernels::cuda::device
