#include <algorithm>
#include <bit>

#include <upconv/framework/cuda_check.h>
#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/kernels/cuda/cublaslt.h>
#include <upconv/kernels/cuda/cublaslt_library.h>

namespace upconv::kernels::cuda {

namespace {

constexpr std::size_t kMostPlans = 1024;  // beyond, a program that never repeats a size would only grow
constexpr std::uintptr_t kWorkspaceAlignment = 256;

void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const CublasLtLibrary& lt = cublaslt_library();
  throw CudaError(message(call, " failed: ", lt.status_string(status), " (", lt.status_name(status), ')'));
}

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return CUDA_R_16F;
    case DType::bf16:
      return CUDA_R_16BF;
    case DType::f32:
      return CUDA_R_32F;
    case DType::f64:
    case DType::i64:
      break;
  }
  throw DTypeError(message("matrix products are of f32, f16 or bf16, not ", dtype));
}

template <class Handle>
Handle as(const std::shared_ptr<void>& object) {
  return static_cast<Handle>(object.get());
}

template <class Handle>
std::shared_ptr<void> own(Handle handle, cublasStatus_t (*destroy)(Handle)) {
  return {handle, [destroy](void* object) { destroy(static_cast<Handle>(object)); }};
}

/// A column-major matrix, or a batch of them.
struct Matrix {
  DType dtype;
  std::int64_t rows, columns;
  std::int64_t lead;  // elements between columns
  std::int64_t batch, stride;
};

std::shared_ptr<void> make_layout(const Matrix& m) {
  const CublasLtLibrary& lt = cublaslt_library();
  cublasLtMatrixLayout_t layout = nullptr;
  check(lt.layout_create(&layout, data_type(m.dtype), static_cast<std::uint64_t>(m.rows),
                         static_cast<std::uint64_t>(m.columns), m.lead),
        "cublasLtMatrixLayoutCreate");
  std::shared_ptr<void> owner = own(layout, lt.layout_destroy);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    check(lt.layout_set(layout, attribute, &value, sizeof value), "cublasLtMatrixLayoutSetAttribute");
  };
  if (m.batch > 1) {
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(m.batch));
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, m.stride);
  }
  return owner;
}

/// The largest power of two, up to 256, that divides every address.
int common_alignment(const MatrixOperands& operands) {
  const auto bits = reinterpret_cast<std::uintptr_t>(operands.a) |
                    reinterpret_cast<std::uintptr_t>(operands.b) |
                    reinterpret_cast<std::uintptr_t>(operands.d) | std::uintptr_t{256};
  return 1 << std::countr_zero(bits);
}

}  // namespace

CublasLt::CublasLt(Device device) {
  const upconv::cuda::DeviceGuard guard(device.index());  // the handle works on the GPU that is current now
  cublasLtHandle_t handle = nullptr;
  const CublasLtLibrary& lt = cublaslt_library();
  check(lt.create(&handle), "cublasLtCreate");
  handle_ = own(handle, lt.destroy);
}

CublasLt::Plan CublasLt::make_plan(const MatrixProduct& p) const {
  const CublasLtLibrary& lt = cublaslt_library();
  Plan plan;
  const bool tf32 = p.dtype == DType::f32 && p.precision == Precision::tf32;
  cublasLtMatmulDesc_t operation = nullptr;
  check(lt.desc_create(&operation, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "cublasLtMatmulDescCreate");
  plan.operation = own(operation, lt.desc_destroy);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    check(lt.desc_set(operation, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (p.addend == MatrixProduct::Addend::column_vector) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, data_type(p.result));
  }
  const std::int64_t a_rows = p.transpose_a ? p.k : p.m, a_columns = p.transpose_a ? p.m : p.k;
  const std::int64_t b_rows = p.transpose_b ? p.n : p.k, b_columns = p.transpose_b ? p.k : p.n;
  const std::int64_t lead_a = p.lead_a > 0 ? p.lead_a : a_rows;
  plan.a = make_layout({p.dtype, a_rows, a_columns, lead_a, p.batch, p.stride_a});
  plan.b = make_layout({p.dtype, b_rows, b_columns, b_rows, p.batch, p.stride_b});
  plan.d = make_layout({p.result, p.m, p.n, p.m, p.batch, p.stride_d});

  cublasLtMatmulPreference_t preference = nullptr;
  check(lt.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
  const std::shared_ptr<void> owner = own(preference, lt.preference_destroy);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(lt.preference_set(preference, attribute, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspaceBytes});
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    prefer(attribute, static_cast<std::uint32_t>(p.alignment));
  }

  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const auto d = as<cublasLtMatrixLayout_t>(plan.d);
  const cublasStatus_t status =
      lt.matmul_heuristic(as<cublasLtHandle_t>(handle_), operation, as<cublasLtMatrixLayout_t>(plan.a),
                          as<cublasLtMatrixLayout_t>(plan.b), d, d, preference, 1, &best, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && found == 0)) {
    throw CudaError(message("cuBLASLt has no algorithm for m", p.m, " n", p.n, " k", p.k, " batch", p.batch,
                            ' ', p.dtype, " at an alignment of ", p.alignment,
                            " bytes: force the kernel cuda.plain"));
  }
  check(status, "cublasLtMatmulAlgoGetHeuristic");
  plan.algorithm = best.algo;
  plan.workspace_bytes = best.workspaceSize;
  return plan;
}

void CublasLt::multiply(MatrixProduct product, const MatrixOperands& operands, ExecutionContext& ctx) {
  const CublasLtLibrary& lt = cublaslt_library();
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  product.alignment = common_alignment(operands);
  auto found = plans_.find(product);
  if (found == plans_.end()) {
    if (plans_.size() >= kMostPlans) plans_.clear();
    found = plans_.emplace(product, make_plan(product)).first;
  }
  const Plan& plan = found->second;
  if (product.addend == MatrixProduct::Addend::column_vector) {
    check(lt.desc_set(as<cublasLtMatmulDesc_t>(plan.operation), CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                      &operands.vector, sizeof operands.vector),
          "cublasLtMatmulDescSetAttribute");
  }
  Workspace::Scope scratch(ctx.workspace());
  void* workspace = nullptr;
  if (plan.workspace_bytes > 0) {
    const auto address =
        reinterpret_cast<std::uintptr_t>(scratch.take(plan.workspace_bytes + kWorkspaceAlignment));
    workspace = reinterpret_cast<void*>((address + kWorkspaceAlignment - 1) & ~(kWorkspaceAlignment - 1));
  }
  const float one = 1.0f, zero = 0.0f;
  const auto d = as<cublasLtMatrixLayout_t>(plan.d);
  check(lt.matmul(as<cublasLtHandle_t>(handle_), as<cublasLtMatmulDesc_t>(plan.operation), &one, operands.a,
                  as<cublasLtMatrixLayout_t>(plan.a), operands.b, as<cublasLtMatrixLayout_t>(plan.b),
                  product.addend == MatrixProduct::Addend::d ? &one : &zero, operands.d, d, operands.d, d,
                  &plan.algorithm, workspace, plan.workspace_bytes, static_cast<cudaStream_t>(ctx.stream())),
        "cublasLtMatmul");
}

}  // namespace upconv::kernels::cuda
