// Eigen's product, for one instruction set: UPCONV_GEMM_EIGEN names the namespace that stands for Eigen here,
// and UPCONV_GEMM the exported constant.
//
// Eigen picks its instructions when it is compiled, and its functions are inline: were two variants to share
// a name, the linker would keep either, and a CPU without AVX2 could meet the wrong one. So each variant has
// a namespace of its own, and the test kernels.isa_symbols checks that the objects share no other weak
// symbol. Tried in its place:
// `#pragma GCC target`, which clang does not tell Eigen's macros about; localising symbols with objcopy,
// which CMake cannot do in the middle of a library.

#define Eigen UPCONV_GEMM_EIGEN
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_NO_DEBUG  // its assertions would be weak symbols of the C++ library
#include <Eigen/Core>

#include <upconv/kernels/cpu/gemm_eigen.h>

namespace upconv::kernels::cpu {
namespace UPCONV_GEMM_EIGEN {

namespace detail = ::Eigen::internal;
using Index = std::int64_t;

/// Blocks in memory that we own; Eigen's own class would allocate them in every product.
class Blocking : public detail::level3_blocking<float, float> {
 public:
  explicit Blocking(const GemmArguments& a) {
    m_mc = std::min(a.out, kGemmOut);
    m_nc = std::min(a.rows, kGemmRows);
    m_kc = std::min(a.depth, kGemmDepth);
    m_blockA = a.scratch;
    m_blockB = a.scratch + kGemmOut * kGemmDepth;
  }
};

/// Products of few rows read w once and pack nothing.
void multiply_vectors(const GemmArguments& a) {
  using W = detail::const_blas_data_mapper<float, Index, ::Eigen::RowMajor>;
  using X = detail::const_blas_data_mapper<float, Index, ::Eigen::ColMajor>;
  for (Index r = 0; r < a.rows; ++r) {
    detail::general_matrix_vector_product<Index, float, W, ::Eigen::RowMajor, false, float, X, false>::run(
        a.out, a.depth, W(a.w, a.depth), X(a.x + r * a.depth, 1), a.y + r * a.y_step, 1, 1.0f);
  }
}

void multiply(const GemmArguments& a) {
  if (a.rows < 4) return multiply_vectors(a);
  Blocking blocking(a);
  // y^T [out, rows] = w [out, depth] * x^T [depth, rows]: what is row-major here is column-major transposed.
  detail::general_matrix_matrix_product<Index, float, ::Eigen::RowMajor, false, float, ::Eigen::ColMajor,
                                        false, ::Eigen::ColMajor, 1>::run(a.out, a.rows, a.depth, a.w,
                                                                          a.depth, a.x, a.depth, a.y, 1,
                                                                          a.y_step, 1.0f, blocking, nullptr);
}

}  // namespace UPCONV_GEMM_EIGEN

const Gemm UPCONV_GEMM = UPCONV_GEMM_EIGEN::multiply;

}  // namespace upconv::kernels::cpu
