#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/barrier.cuh>

/// Warp matrix products (mma.sync) and groups of asynchronous copies (cp.async): what every GPU since compute
/// capability 8.0 has.
namespace upconv::kernels::cuda::device {

/// A type of operand of the matrix units.
enum class MmaOperand { tf32, f16, bf16 };

/// d += a * b for 16 rows and 8 columns over 32 bytes of k (8 TF32 numbers, 16 of 16 bits), with g = lane /
/// 4, t = lane % 4: a = {row g, row g + 8, row g, row g + 8} in the k's {t} and {t + 4}, of 16 bits {2t, 2t +
/// 1} and {2t + 8, 2t + 9}; b = column g in the same k's; d = {row g: columns 2t, 2t + 1; row g + 8: the
/// same}.
template <MmaOperand kOperand>
__device__ __forceinline__ void warp_product(float (&d)[4], const std::uint32_t (&a)[4], const uint2& b) {
  if constexpr (kOperand == MmaOperand::tf32) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9},"
        " {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
  } else if constexpr (kOperand == MmaOperand::f16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9},"
        " {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9},"
        " {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
  }
}

/// The nearest TF32 number, ties away from zero, in the bits that the units read; what is not finite stays as
/// it is. cvt.rna.tf32 does the same, but as an addition in place, under a predicate: the operands, which
/// must lie side by side, are then moved once more.
__device__ __forceinline__ std::uint32_t nearest_tf32(std::uint32_t x) {
  std::uint32_t rounded;
  asm("{\n"
      ".reg .pred finite;\n"
      ".reg .f32 magnitude;\n"
      ".reg .b32 half;\n"
      "abs.f32 magnitude, %2;\n"
      "setp.lt.f32 finite, magnitude, 0f7F800000;\n"
      "selp.b32 half, 0x1000, 0, finite;\n"
      "add.u32 %0, %1, half;\n"
      "}\n"
      : "=r"(rounded)
      : "r"(x), "f"(__uint_as_float(x)));
  return rounded;
}

/// Fetches 16 bytes, or writes zeros if not `valid`; nothing is read then. Through L1: the blocks of a
/// multiprocessor want the same weights.
__device__ __forceinline__ void copy_vector_or_zero(void* to, const void* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}

/// Closes the group of the copies that this thread has begun since the last one; it may be empty.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most the kPending youngest groups of this thread are still under way.
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

}  // namespace upconv::kernels::cuda::device
