#include <upconv/kernels/cuda/cublaslt.h>
#include <upconv/kernels/cuda/rows.h>

// cuda.cublaslt: linear layers, and convolutions with a 1x1 kernel and stride 1, as matrix products.
//
// A row-major matrix is the transpose of a column-major one, so cuBLAS is asked for y^T = W x^T. For a linear
// layer the bias then goes along D's columns and rides in the product's epilogue. For images D is [pixels,
// channels] and the bias goes along its rows, which no epilogue offers: it is written to y first and the
// product is added to it. Activations other than none take one more pass, in place. So 16-bit outputs are
// rounded before the activation and, of a linear layer in bf16, before the bias too, as in PyTorch.
namespace upconv::kernels::cuda::cublaslt {

namespace {

constexpr std::int64_t kLargest = 0x7fffffff;  // cuBLAS counts in int
// Measured on an H200, 4 images of 512 x 512 with bias, f32 (f16): 8 -> 3 channels take 45 us (28) here and
// 32 us (29) in cuda.plain; 16 -> 16 channels 117 us (47) here and 106 us (107) there.
constexpr std::int64_t kFewestWeights = 128;

Verdict supports_device(const DeviceCaps& caps) {
  return caps.compute_capability >= 75 ? Verdict::yes()
                                       : Verdict::no("cuBLASLt needs compute capability 7.5");
}

}  // namespace

Verdict supports(const ConvProblem& p, const DeviceCaps& caps) {
  if (p.kh != 1 || p.kw != 1) return Verdict::no("only for 1x1 kernels");
  if (p.stride_h != 1 || p.stride_w != 1) return Verdict::no("only for stride 1");
  if (p.pad_h != 0 || p.pad_w != 0 || p.output_pad_h != 0 || p.output_pad_w != 0) {
    return Verdict::no("only without padding");
  }
  if (p.groups != 1) return Verdict::no("only for one group");
  if (p.ci * p.co < kFewestWeights) return Verdict::no("with so few channels a plain pass is faster");
  if (static_cast<double>(p.ih) * static_cast<double>(p.iw) > static_cast<double>(kLargest) ||
      p.n > kLargest) {
    return Verdict::no("an image must have fewer than 2^31 pixels");
  }
  return supports_device(caps);
}

Verdict supports(const LinearProblem& p, const DeviceCaps& caps) {
  if (p.rows > kLargest || p.in_features > kLargest || p.out_features > kLargest) {
    return Verdict::no("rows and features must be fewer than 2^31");
  }
  return supports_device(caps);
}

std::size_t workspace_bytes() {
  return CublasLt::kWorkspaceBytes;
}

void launch(const LinearProblem& p, const LinearOperands& operands, ExecutionContext& ctx) {
  const bool bias = operands.bias.defined();
  const MatrixProduct product{
      .m = p.out_features,
      .n = p.rows,
      .k = p.in_features,
      .transpose_a = true,
      .addend = bias ? MatrixProduct::Addend::column_vector : MatrixProduct::Addend::none,
      .dtype = p.dtype,
      .precision = p.precision};
  ctx.state<CublasLt>().multiply(product,
                                 {.a = operands.weight.raw(),
                                  .b = operands.x.raw(),
                                  .vector = bias ? operands.bias.raw() : nullptr,
                                  .d = operands.y.raw()},
                                 ctx);
}

void launch(const ConvProblem& p, const ConvOperands& operands, ExecutionContext& ctx) {
  const bool bias = operands.bias.defined();
  if (bias) elementwise::fill_channels(operands.bias, operands.y, ctx);
  const std::int64_t pixels = p.ih * p.iw;
  const MatrixProduct product{
      .m = pixels,
      .n = p.co,
      .k = p.ci,
      .transpose_b = p.transposed,  // its weight is [ci, co]; an ordinary one's is [co, ci]
      .batch = p.n,
      .stride_a = p.ci * pixels,
      .stride_d = p.co * pixels,
      .addend = bias ? MatrixProduct::Addend::d : MatrixProduct::Addend::none,
      .dtype = p.dtype,
      .precision = p.precision};
  ctx.state<CublasLt>().multiply(
      product, {.a = operands.x.raw(), .b = operands.weight.raw(), .vector = nullptr, .d = operands.y.raw()},
      ctx);
  if (operands.activation.kind == ActivationKind::none) return;
  const ActivationProblem after{
      .kind = operands.activation.kind,
      .outer = p.n,
      .channels = p.co,
      .inner = pixels,
      .slopes = operands.activation.slopes.defined() ? operands.activation.slopes.numel() : 1,
      .dtype = p.dtype};
  elementwise::launch(after, {.x = operands.y, .activation = operands.activation, .y = operands.y}, ctx);
}

}  // namespace upconv::kernels::cuda::cublaslt
