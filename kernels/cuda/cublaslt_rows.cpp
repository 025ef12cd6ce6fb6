#include <algorithm>
#include <cstddef>

#include <upconv/kernels/cuda/cublaslt.h>
#include <upconv/kernels/cuda/rows.h>

// cuda.cublaslt: linear layers, and convolutions with a 1x1 kernel and stride 1, as matrix products.
//
// A row-major matrix is the transpose of a column-major one, so cuBLAS is asked for y^T = W x^T. For a linear
// layer the bias then goes along D's columns, which an epilogue of the product offers. For images D is
// [pixels, channels] and the bias goes along its rows, which none offers: in f32 it is written to y first and
// the product is added to it, and an activation takes one more pass, in place.
//
// In f16 and bf16 the result must be rounded once, after bias and activation, and whatever cuBLASLt adds to a
// 16-bit D, it adds after D was rounded. So where there is anything to add or to apply, the product's D is
// f32 scratch, and one more pass adds, applies and rounds. That is 10 bytes for an element of y instead of 2,
// of which 8 stay in the GPU's cache: products are cut so that their sums take 16 MB at most. (Bias first,
// then the product added, then an activation in place were 10 bytes as well.)
namespace upconv::kernels::cuda::cublaslt {

namespace {

constexpr std::int64_t kLargest = 0x7fffffff;  // cuBLAS counts in int
// Measured on an H200, 4 images of 512 x 512 with bias, f32 (f16): 8 -> 3 channels take 45 us (28) here and
// 32 us (29) in cuda.plain; 16 -> 16 channels 117 us (47) here and 106 us (107) there.
constexpr std::int64_t kFewestWeights = 128;

/// How a product is cut so that its f32 sums are few: into so many whole images (of a linear layer, rows), or
/// into so many pixels of one image.
struct Cut {
  static constexpr std::int64_t kMostSums = std::int64_t{4} << 20;  // 16 MB
  static constexpr std::int64_t kFewestPixels = 64;

  std::int64_t images, pixels, channels;

  Cut(std::int64_t all_images, std::int64_t all_channels, std::int64_t all_pixels)
      : images(1), pixels(all_pixels), channels(all_channels) {
    if (all_pixels <= kMostSums / channels) {
      images = std::clamp<std::int64_t>(kMostSums / (channels * all_pixels), 1,
                                        std::max<std::int64_t>(all_images, 1));
    } else {  // parts begin where whole vectors do
      pixels = std::min(all_pixels,
                        std::max(kMostSums / channels / kFewestPixels, std::int64_t{1}) * kFewestPixels);
    }
  }
  std::size_t bytes() const { return static_cast<std::size_t>(images * channels * pixels) * sizeof(float); }
};

/// Where an element of a 16-bit or f32 array lies.
const void* element(const void* array, DType dtype, std::int64_t index) {
  return static_cast<const std::byte*>(array) + static_cast<std::size_t>(index) * size_of(dtype);
}
void* element(void* array, DType dtype, std::int64_t index) {
  return static_cast<std::byte*>(array) + static_cast<std::size_t>(index) * size_of(dtype);
}

constexpr std::int64_t kMostChannels16 = std::int64_t{1} << 23;  // a part's sums are counted in 32 bits

/// Of y, in 16 bits.
Verdict supports_channels(std::int64_t channels, DType dtype) {
  return dtype == DType::f32 || channels <= kMostChannels16
             ? Verdict::yes()
             : Verdict::no("in 16 bits only for up to 2^23 output channels or features");
}

Verdict supports_device(const DeviceCaps& caps) {
  return caps.compute_capability >= 75 ? Verdict::yes()
                                       : Verdict::no("cuBLASLt needs compute capability 7.5");
}

}  // namespace

Verdict supports(const ConvProblem& p, const DeviceCaps& caps) {
  if (p.kh != 1 || p.kw != 1) return Verdict::no("only for 1x1 kernels");
  if (p.stride_h != 1 || p.stride_w != 1) return Verdict::no("only for stride 1");
  if (p.pad_h != 0 || p.pad_w != 0 || p.pad_end_h != 0 || p.pad_end_w != 0 || p.output_pad_h != 0 ||
      p.output_pad_w != 0) {
    return Verdict::no("only without padding");
  }
  if (p.groups != 1) return Verdict::no("only for one group");
  if (p.ci * p.co < kFewestWeights) return Verdict::no("with so few channels a plain pass is faster");
  if (static_cast<double>(p.ih) * static_cast<double>(p.iw) > static_cast<double>(kLargest) ||
      p.n > kLargest) {
    return Verdict::no("an image must have fewer than 2^31 pixels");
  }
  if (const Verdict channels = supports_channels(p.co, p.dtype); !channels.supported) return channels;
  return supports_device(caps);
}

Verdict supports(const LinearProblem& p, const DeviceCaps& caps) {
  if (p.rows > kLargest || p.in_features > kLargest || p.out_features > kLargest) {
    return Verdict::no("rows and features must be fewer than 2^31");
  }
  if (const Verdict channels = supports_channels(p.out_features, p.dtype); !channels.supported)
    return channels;
  return supports_device(caps);
}

std::size_t workspace_bytes(const ConvProblem& p) {
  if (p.dtype == DType::f32) return CublasLt::kWorkspaceBytes;
  return CublasLt::kWorkspaceBytes + Cut(p.n, p.co, p.ih * p.iw).bytes();
}

std::size_t workspace_bytes(const LinearProblem& p) {
  if (p.dtype == DType::f32) return CublasLt::kWorkspaceBytes;
  return CublasLt::kWorkspaceBytes + Cut(p.rows, p.out_features, 1).bytes();
}

void launch(const LinearProblem& p, const LinearOperands& operands, ExecutionContext& ctx) {
  const bool bias = operands.bias.defined();
  MatrixProduct product{.m = p.out_features,
                        .n = p.rows,
                        .k = p.in_features,
                        .transpose_a = true,
                        .dtype = p.dtype,
                        .result = p.dtype,
                        .precision = p.precision};
  MatrixOperands matrices{.a = operands.weight.raw(), .b = operands.x.raw(), .d = operands.y.raw()};
  auto& cublas = ctx.state<CublasLt>();
  if (p.dtype == DType::f32 || !bias) {
    if (bias) {
      product.addend = MatrixProduct::Addend::column_vector;
      matrices.vector = operands.bias.raw();
    }
    return cublas.multiply(product, matrices, ctx);
  }
  const Cut cut(p.rows, p.out_features, 1);
  Workspace::Scope scratch(ctx.workspace());
  auto* sums = static_cast<float*>(scratch.take(cut.bytes()));
  product.result = DType::f32;
  matrices.d = sums;
  for (std::int64_t row = 0; row < p.rows; row += cut.images) {
    product.n = std::min(cut.images, p.rows - row);
    matrices.b = element(operands.x.raw(), p.dtype, row * p.in_features);
    cublas.multiply(product, matrices, ctx);
    finish_product({.sums = sums,
                    .y = operands.y.raw(),
                    .first = row * p.out_features,
                    .rows = product.n,
                    .columns = p.out_features,
                    .pitch = p.out_features,
                    .channels = p.out_features,
                    .channel_is_column = true,
                    .epilogue = {.bias = operands.bias},
                    .dtype = p.dtype},
                   ctx);
  }
}

namespace {

/// y = W x, added to what is in y, or in its place.
MatrixProduct product_of(const ConvProblem& p) {
  const std::int64_t pixels = p.ih * p.iw;
  return {.m = pixels,
          .n = p.co,
          .k = p.ci,
          .transpose_b = p.transposed,  // its weight is [ci, co]; an ordinary one's is [co, ci]
          .batch = p.n,
          .stride_a = p.ci * pixels,
          .stride_d = p.co * pixels,
          .dtype = p.dtype,
          .result = p.dtype,
          .precision = p.precision};
}

/// In 16 bits, with something to do after the product.
void launch_finished(const ConvProblem& p, const ConvOperands& operands, ExecutionContext& ctx) {
  const std::int64_t pixels = p.ih * p.iw;
  const Cut cut(p.n, p.co, pixels);
  Workspace::Scope scratch(ctx.workspace());
  auto* sums = static_cast<float*>(scratch.take(cut.bytes()));
  MatrixProduct product = product_of(p);
  product.result = DType::f32;
  product.lead_a = pixels;
  for (std::int64_t n = 0; n < p.n; n += cut.images) {
    product.batch = std::min(cut.images, p.n - n);
    for (std::int64_t pixel = 0; pixel < pixels; pixel += cut.pixels) {
      product.m = std::min(cut.pixels, pixels - pixel);
      product.stride_d = p.co * product.m;
      ctx.state<CublasLt>().multiply(product,
                                     {.a = element(operands.x.raw(), p.dtype, n * p.ci * pixels + pixel),
                                      .b = operands.weight.raw(),
                                      .d = sums},
                                     ctx);
      finish_product({.sums = sums,
                      .y = operands.y.raw(),
                      .first = n * p.co * pixels + pixel,
                      .rows = product.batch * p.co,
                      .columns = product.m,
                      .pitch = pixels,
                      .channels = p.co,
                      .epilogue = operands.epilogue,
                      .dtype = p.dtype},
                     ctx);
    }
  }
}

}  // namespace

void launch(const ConvProblem& p, const ConvOperands& operands, ExecutionContext& ctx) {
  const EpilogueForm form = EpilogueForm::of(operands.epilogue);
  const bool finished = operands.epilogue.bias.defined() || form != EpilogueForm{};
  if (p.dtype != DType::f32 && finished) return launch_finished(p, operands, ctx);
  ctx.state<CublasLt>().multiply(
      product_of(p),
      {.a = operands.x.raw(), .b = operands.weight.raw(), .vector = nullptr, .d = operands.y.raw()}, ctx);
  if (!finished) return;
  elementwise::launch(
      PointwiseProblem{.outer = p.n, .channels = p.co, .inner = p.ih * p.iw, .dtype = p.dtype, .form = form},
      {.x = operands.y, .epilogue = operands.epilogue, .y = operands.y}, ctx);
}

}  // namespace upconv::kernels::cuda::cublaslt
