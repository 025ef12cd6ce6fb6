#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>

#include <cublasLt.h>

#include <upconv/framework/context.h>
#include <upconv/kernels/epilogue.h>

/// Matrix products through cuBLASLt. Internal: not installed.
namespace upconv::kernels::cuda {

/// D = op(A) op(B) + C, all column-major as cuBLAS has it: D is m x n, op(A) m x k, op(B) k x n; `batch` such
/// products, their matrices `stride` elements apart. C is a vector added to every column, D itself, or zero.
/// With f16 and bf16 as `dtype` of A and B, D may be f32, and should be where anything is done to it after
/// the product: a 16-bit D is rounded before a C is added.
struct MatrixProduct {
  enum class Addend : std::uint8_t { none, column_vector, d };

  std::int64_t m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
  std::int64_t lead_a = 0;  ///< Elements between A's columns as stored; 0: they follow each other.
  std::int64_t batch = 1, stride_a = 0, stride_b = 0, stride_d = 0;
  Addend addend = Addend::none;
  DType dtype = DType::f32, result = DType::f32;
  Precision precision = Precision::fp32;
  int alignment = 1;  ///< Bytes that every operand's address is a multiple of; a power of two.

  friend auto operator<=>(const MatrixProduct&, const MatrixProduct&) = default;
};

struct MatrixOperands {
  const void* a = nullptr;
  const void* b = nullptr;
  const void* vector = nullptr;  ///< [m], for Addend::column_vector
  void* d = nullptr;
};

/// A context's cuBLASLt handle and, for each product it has met, the algorithm chosen for it. f32 is computed
/// in fp32 unless Precision::tf32 is asked for; f16 and bf16 accumulate in fp32. Partial sums, if there are
/// any, are added in fp32 and in a fixed order, so results repeat bit for bit.
class CublasLt {
 public:
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // NVIDIA's advice for Hopper

  explicit CublasLt(Device device);

  /// Throws: CudaError, also if cuBLASLt has no algorithm for the product.
  void multiply(MatrixProduct product, const MatrixOperands& operands, ExecutionContext& ctx);

 private:
  struct Plan {
    std::shared_ptr<void> operation, a, b, d;  // descriptors
    cublasLtMatmulAlgo_t algorithm{};
    std::size_t workspace_bytes = 0;
  };
  Plan make_plan(const MatrixProduct& product) const;

  std::shared_ptr<void> handle_;
  std::map<MatrixProduct, Plan> plans_;
};

/// What becomes of a product's f32 sums, [rows][columns] on the GPU, at most 2^30 of them.
struct FinishedProduct {
  const float* sums = nullptr;
  void* y = nullptr;  ///< The whole output, as the epilogue's residual is.
  std::int64_t first =
      0;  ///< Of its elements the one that the first sum gives; rows are `pitch` elements apart.
  std::int64_t rows = 1, columns = 1, pitch = 1;
  std::int64_t channels = 1;       ///< A row is of channel row % channels,
  bool channel_is_column = false;  ///< or a column is a channel.
  Epilogue epilogue = {};          ///< What is done with the sums.
  DType dtype = DType::f16;        ///< Of y.
};

/// y = epilogue(sums) in f32, rounded once. Throws: CudaError.
void finish_product(const FinishedProduct& product, ExecutionContext& ctx);

}  // namespace upconv::kernels::cuda
