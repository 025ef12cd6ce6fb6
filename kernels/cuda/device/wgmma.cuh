#pragma once

#include <cstdint>

#include <upconv/kernels/cuda/device/barrier.cuh>

/// Hopper's warpgroup matrix product D[64 x N] += A[64 x K] B[K x N] with A in registers and B in shared
/// memory. A warpgroup's registers hold row = 16*warp + lane/4 and row + 8. With k counted in words (TF32:
/// one element, 16 bits: two, e5m2: four):
///   a[0] = A[row][lane%4], a[1] = A[row+8][lane%4], a[2] = A[row][lane%4 + 4], a[3] = A[row+8][lane%4 + 4];
///   d[4j], d[4j+1] = D[row][8j + 2*(lane%4)], +1;  d[4j+2], d[4j+3] = the same of row + 8.
namespace upconv::kernels::cuda::device {

enum class Operand { tf32, f16, bf16, e5m2 };

/// Half a unit in the last place of TF32; the units ignore the lower 13 bits.
constexpr std::uint32_t kHalfUlpOfTf32 = 0x1000u;

/// To the nearest TF32 number, as cvt.rna does. Infinities stay infinite to the units, which ignore the bit
/// that is added; all NaNs become 0x7fffffff; the largest floats become infinite. `half_ulp`: kHalfUlpOfTf32,
/// or a register that holds it.
__device__ __forceinline__ std::uint32_t round_to_tf32(std::uint32_t x, std::uint32_t half_ulp) {
  // Adding -0 changes only NaNs, to 0x7fffffff. That alone overflows in the next addition, and the maximum
  // keeps it.
  float number;
  asm("add.f32 %0, %1, 0f80000000;" : "=f"(number) : "f"(__uint_as_float(x)));
  const int bits = __float_as_int(number);
  return static_cast<std::uint32_t>(__viaddmax_s32(bits, static_cast<int>(half_ulp), bits));
}

/// B lies K-major without swizzle: core matrices of 8 columns x 16 bytes, 128 bytes each; those of the next 8
/// columns follow at 128 bytes, those of the next 16 bytes of k at `k_stride` bytes.
__device__ __forceinline__ std::uint64_t matrix_descriptor(const void* b, std::uint32_t k_stride) {
  return static_cast<std::uint64_t>((shared_address(b) & 0x3ffff) >> 4) |
         static_cast<std::uint64_t>(k_stride >> 4) << 16 | static_cast<std::uint64_t>(128 >> 4) << 32;
}

/// Before the first product after registers of A or D were written.
__device__ __forceinline__ void products_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// Closes a batch of products.
__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most `kPending` batches are under way.
template <int kPending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
/// Keeps the compiler from moving accesses to a register across this point.
__device__ __forceinline__ void pin(float& r) {
  asm volatile("" : "+f"(r)::"memory");
}
__device__ __forceinline__ void pin(std::uint32_t& r) {
  asm volatile("" : "+r"(r)::"memory");
}

/// D = A B (+ D if `accumulate`), asynchronously.
template <Operand kType, int kN>
struct Product;

// The instruction takes every accumulator register by name, and its shape is part of its name: spelled out
// once, for every N in steps of 8, and forgotten again below.
#define UPCONV_R8 "%0,%1,%2,%3"
#define UPCONV_R16 UPCONV_R8 ",%4,%5,%6,%7"
#define UPCONV_R24 UPCONV_R16 ",%8,%9,%10,%11"
#define UPCONV_R32 UPCONV_R24 ",%12,%13,%14,%15"
#define UPCONV_R40 UPCONV_R32 ",%16,%17,%18,%19"
#define UPCONV_R48 UPCONV_R40 ",%20,%21,%22,%23"
#define UPCONV_R56 UPCONV_R48 ",%24,%25,%26,%27"
#define UPCONV_R64 UPCONV_R56 ",%28,%29,%30,%31"
#define UPCONV_R72 UPCONV_R64 ",%32,%33,%34,%35"
#define UPCONV_R80 UPCONV_R72 ",%36,%37,%38,%39"
#define UPCONV_R88 UPCONV_R80 ",%40,%41,%42,%43"
#define UPCONV_R96 UPCONV_R88 ",%44,%45,%46,%47"
#define UPCONV_R104 UPCONV_R96 ",%48,%49,%50,%51"
#define UPCONV_R112 UPCONV_R104 ",%52,%53,%54,%55"
#define UPCONV_D8 "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
#define UPCONV_D16 UPCONV_D8, "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
#define UPCONV_D24 UPCONV_D16, "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11])
#define UPCONV_D32 UPCONV_D24, "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15])
#define UPCONV_D40 UPCONV_D32, "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19])
#define UPCONV_D48 UPCONV_D40, "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23])
#define UPCONV_D56 UPCONV_D48, "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27])
#define UPCONV_D64 UPCONV_D56, "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define UPCONV_D72 UPCONV_D64, "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35])
#define UPCONV_D80 UPCONV_D72, "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39])
#define UPCONV_D88 UPCONV_D80, "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43])
#define UPCONV_D96 UPCONV_D88, "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47])
#define UPCONV_D104 UPCONV_D96, "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51])
#define UPCONV_D112 UPCONV_D104, "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55])
#define UPCONV_PRODUCT(TYPE, SHAPE, TAIL, N, A0, A1, A2, A3, B, S)                                    \
  template <>                                                                                         \
  struct Product<Operand::TYPE, N> {                                                                  \
    __device__ static __forceinline__ void run(float (&d)[N / 2], std::uint32_t a0, std::uint32_t a1, \
                                               std::uint32_t a2, std::uint32_t a3, std::uint64_t b,   \
                                               int accumulate) {                                      \
      asm volatile("{.reg .pred p;\nsetp.ne.b32 p, %" #S                                              \
                   ", 0;\n"                                                                           \
                   "wgmma.mma_async.sync.aligned.m64n" #N SHAPE " {" UPCONV_R##N                      \
                   "}, {%" #A0 ",%" #A1 ",%" #A2 ",%" #A3 "}, %" #B ", p, 1, 1" TAIL ";\n}\n"         \
                   : UPCONV_D##N                                                                      \
                   : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));                    \
    }                                                                                                 \
  };
#define UPCONV_PRODUCTS(...)                                    \
  UPCONV_PRODUCT(tf32, "k8.f32.tf32.tf32", "", __VA_ARGS__)     \
  UPCONV_PRODUCT(f16, "k16.f32.f16.f16", ", 0", __VA_ARGS__)    \
  UPCONV_PRODUCT(bf16, "k16.f32.bf16.bf16", ", 0", __VA_ARGS__) \
  UPCONV_PRODUCT(e5m2, "k32.f32.e5m2.e5m2", "", __VA_ARGS__)
UPCONV_PRODUCTS(8, 4, 5, 6, 7, 8, 9)
UPCONV_PRODUCTS(16, 8, 9, 10, 11, 12, 13)
UPCONV_PRODUCTS(24, 12, 13, 14, 15, 16, 17)
UPCONV_PRODUCTS(32, 16, 17, 18, 19, 20, 21)
UPCONV_PRODUCTS(40, 20, 21, 22, 23, 24, 25)
UPCONV_PRODUCTS(48, 24, 25, 26, 27, 28, 29)
UPCONV_PRODUCTS(56, 28, 29, 30, 31, 32, 33)
UPCONV_PRODUCTS(64, 32, 33, 34, 35, 36, 37)
UPCONV_PRODUCTS(72, 36, 37, 38, 39, 40, 41)
UPCONV_PRODUCTS(80, 40, 41, 42, 43, 44, 45)
UPCONV_PRODUCTS(88, 44, 45, 46, 47, 48, 49)
UPCONV_PRODUCTS(96, 48, 49, 50, 51, 52, 53)
UPCONV_PRODUCTS(104, 52, 53, 54, 55, 56, 57)
UPCONV_PRODUCTS(112, 56, 57, 58, 59, 60, 61)
#undef UPCONV_PRODUCTS
#undef UPCONV_PRODUCT
#undef UPCONV_R8
#undef UPCONV_R16
#undef UPCONV_R24
#undef UPCONV_R32
#undef UPCONV_R40
#undef UPCONV_R48
#undef UPCONV_R56
#undef UPCONV_R64
#undef UPCONV_R72
#undef UPCONV_R80
#undef UPCONV_R88
#undef UPCONV_R96
#undef UPCONV_R104
#undef UPCONV_R112
#undef UPCONV_D8
#undef UPCONV_D16
#undef UPCONV_D24
#undef UPCONV_D32
#undef UPCONV_D40
#undef UPCONV_D48
#undef UPCONV_D56
#undef UPCONV_D64
#undef UPCONV_D72
#undef UPCONV_D80
#undef UPCONV_D88
#undef UPCONV_D96
#undef UPCONV_D104
#undef UPCONV_D112

}  // namespace upconv::kernels::cuda::device
