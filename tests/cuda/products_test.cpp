#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/support.h"
#include <gmock/gmock.h>

#include <upconv/kernels/cuda/cublaslt_library.h>
#include <upconv/kernels/linear.h>

// Matrix products by cuBLASLt: that f16 and bf16 are rounded once, after bias and activation; how much
// scratch that takes; and how the library is found.

namespace upconv::test {
namespace {

using kernels::Activation;
using kernels::ActivationKind;
using kernels::ConvProblem;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Row>
const Row& row_of(std::span<const Row> rows, std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return row;
  }
  throw ArgumentError(message("no row ", name));
}

/// With values k/16 every sum of products is exact in f32, so that the CPU's result is the exact one, rounded
/// once, and whoever rounds before he adds the bias is found out.
Tensor exact_result(const ConvProblem& p, const GpuConvolution::Host& host) {
  ExecutionContext cpu;
  Tensor y = Tensor::empty(p.y_shape(), p.dtype);
  kernels::ConvOperands operands{.x = host.x,
                                 .weight = host.weight,
                                 .packed_weight = {},
                                 .epilogue = {.bias = {}, .first = host.activation},
                                 .y = y};
  const auto packed = kernels::pack_weight(p, host.weight, cpu.device());
  operands.packed_weight = &packed;
  if (host.bias.defined()) operands.epilogue.bias = host.bias;
  if (host.slopes.defined()) operands.epilogue.first.slopes = host.slopes;
  kernels::convolution(p, operands, "", cpu);
  return y;
}

class CudaProducts : public Gpu {
 protected:
  /// Runs cuda.cublaslt with every activation that keeps values exact, with bias and without.
  void check(ConvProblem p, DType dtype, int offset = 0) {
    ExecutionContext ctx({.device = Device::cuda(0)});
    const kernels::ConvRow& row = row_of(kernels::convolution_rows(Device::Type::cuda), "cuda.cublaslt");
    p.dtype = dtype;
    ASSERT_TRUE(row.supports(p, ctx.caps()).supported);
    for (const ActivationKind kind :
         {ActivationKind::none, ActivationKind::relu, ActivationKind::leaky_relu, ActivationKind::prelu}) {
      for (const bool bias : {true, false}) {
        SCOPED_TRACE(message(p.op(), ' ', p.to_string(), ' ', name_of(kind), bias ? " bias" : ""));
        GpuConvolution::Host host{
            .x = random_tensor(p.x_shape(), dtype, Values::exact, random_),
            .weight = random_tensor(p.weight_shape(), dtype, Values::exact, random_),
            .bias = bias ? random_tensor({p.co}, dtype, Values::exact, random_) : Tensor(),
            .slopes = kind == ActivationKind::prelu ? random_slopes(p.co, dtype, random_) : Tensor(),
            .activation = {.kind = kind, .a = 0.125f}};
        const GpuConvolution gpu(p, host, offset);
        const Tensor y = gpu.run(row, ctx);
        ASSERT_TRUE(exactly_equal(y, exact_result(p, host)));
        ASSERT_TRUE(same_bits(gpu.run(row, ctx), y)) << "a second run gave other bits";
      }
    }
  }

  Random random_{21};
};

TEST_F(CudaProducts, PointwiseConvolutionsIn16BitsAreRoundedOnce) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    for (const char* kind : {"zeros", "op0x0"}) {
      for (const char* sizes : {"n1ci64ih248iw216co128", "n8ci64ih112iw112co32", "n3ci33ih7iw9co17"}) {
        check(ConvProblem::parse(message(sizes, "kh1kw1_s1x1_p0x0_", kind, "_d1x1_g1_f32")), dtype);
      }
    }
  }
}

/// More sums than fit the scratch at once: parts of images, with tails, and several images at a time.
TEST_F(CudaProducts, LargeOnesAreCutIntoParts) {
  for (const char* sizes : {"n2ci8ih301iw299co160", "n5ci8ih201iw300co64", "n1ci8ih700iw1403co16"}) {
    check(ConvProblem::parse(message(sizes, "kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32")), DType::bf16, 1);
  }
}

TEST_F(CudaProducts, LinearIn16BitsIsRoundedOnce) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  const auto& row = row_of(kernels::linear_rows(Device::Type::cuda), "cuda.cublaslt");
  for (kernels::LinearProblem p :
       {kernels::LinearProblem{.rows = 256, .in_features = 512, .out_features = 1024},
        {.rows = 1, .in_features = 100, .out_features = 8192},
        {.rows = 77, .in_features = 33, .out_features = 13},
        {.rows = 5000, .in_features = 8, .out_features = 2001}}) {
    for (const DType dtype : {DType::f16, DType::bf16}) {
      for (const bool bias : {true, false}) {
        p.dtype = dtype;
        SCOPED_TRACE(message(p.to_string(), bias ? " bias" : ""));
        const Tensor x = random_tensor({p.rows, p.in_features}, dtype, Values::exact, random_);
        const Tensor w = random_tensor({p.out_features, p.in_features}, dtype, Values::exact, random_);
        const Tensor b = random_tensor({p.out_features}, dtype, Values::exact, random_);
        const GuardedGpuTensor gpu_x(x, 0), gpu_w(w, 0), gpu_b(b, 1), y({p.rows, p.out_features}, dtype, 3);
        row.launch(p,
                   {.x = gpu_x.view(),
                    .weight = gpu_w.view(),
                    .bias = bias ? gpu_b.view() : TensorView(),
                    .y = y.view()},
                   ctx);
        ExecutionContext cpu;
        Tensor expected = Tensor::empty({p.rows, p.out_features}, dtype);
        kernels::linear(p, {.x = x, .weight = w, .bias = bias ? b.view() : ConstTensorView(), .y = expected},
                        "", cpu);
        ASSERT_TRUE(exactly_equal(y.values(), expected));
      }
    }
  }
}

/// What explain() names is bounded, whatever the image, and no less than launch takes.
TEST(CudaProductsSelection, ScratchIsBounded) {
  ExecutionContext ctx;  // rows need no GPU to say what they would take
  const auto bytes = [&](const char* text) {
    const auto& row = row_of(kernels::convolution_rows(Device::Type::cuda), "cuda.cublaslt");
    return row.workspace_bytes(ConvProblem::parse(text), ctx);
  };
  constexpr std::size_t kCublas = 32 << 20, kSums = 16 << 20;
  EXPECT_EQ(bytes("n8ci64ih8192iw8192co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32"), kCublas);
  EXPECT_EQ(bytes("n1ci64ih10iw10co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_bf16"), kCublas + 4 * 100 * 32);
  for (const char* large : {"n8ci64ih8192iw8192co32kh1kw1_s1x1_p0x0_zeros_d1x1_g1_bf16",
                            "n1000ci64ih77iw33co96kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f16",
                            "n3ci64ih30000iw30000co3000kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f16"}) {
    EXPECT_LE(bytes(large), kCublas + kSums) << large;
    EXPECT_GT(bytes(large), kCublas + kSums / 2) << large;
  }
  const auto& linear = row_of(kernels::linear_rows(Device::Type::cuda), "cuda.cublaslt");
  EXPECT_LE(linear.workspace_bytes(
                {.rows = 1000000, .in_features = 8, .out_features = 999, .dtype = DType::f16}, ctx),
            kCublas + kSums);
}

std::string refusal(const std::vector<std::string>& files) {
  try {
    static_cast<void>(kernels::cuda::load_cublaslt(files));
  } catch (const CudaError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(CudaErrors, OfAMissingCublasLtSayWhereItWasLookedFor) {
  EXPECT_THAT(refusal({"libcublasLt-of-nobody.so.1", "/nowhere/lib64/libcublasLt.so"}),
              AllOf(HasSubstr("matrix products need libcublasLt.so."),
                    HasSubstr("libcublasLt-of-nobody.so.1"), HasSubstr("/nowhere/lib64/libcublasLt.so"),
                    HasSubstr("LD_LIBRARY_PATH"), HasSubstr("cuda.plain")));
  EXPECT_THAT(refusal({"libm.so.6"}),
              AllOf(HasSubstr("libcublasLt lacks cublasLtCreate"), HasSubstr("install the cuBLAS of CUDA")));
}

}  // namespace
}  // namespace upconv::test
