#include <cstring>

#include "cuda/support.h"
#include <cuda_runtime.h>

#include <upconv/framework/cuda_interop.h>
#include <upconv/kernels/convolution.h>

// Tensors past 2^31 elements, by the rows with 64-bit indices.

namespace upconv::test {
namespace {

using kernels::ConvProblem;

class CudaLarge : public Gpu {};

/// Raw GPU memory, all bits set: NaN.
class Block {
 public:
  explicit Block(std::size_t bytes) {
    if (cudaMalloc(&data_, bytes) != cudaSuccess || cudaMemset(data_, 0xff, bytes) != cudaSuccess)
      data_ = nullptr;
    cudaGetLastError();
  }
  ~Block() { cudaFree(data_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

constexpr std::int64_t kPeriod =
    251;  // of the input, in elements: a prime, so that no size hides a wrong index

float pattern(std::int64_t i) {
  return static_cast<float>(i % kPeriod - 125) / 16.0f;
}

/// Fills `count` elements of f16 with the pattern.
void fill(void* data, std::int64_t count) {
  const std::int64_t chunk = kPeriod << 16;
  Tensor host = Tensor::empty({chunk}, DType::f16);
  for (std::int64_t i = 0; i < chunk; ++i)
    host.data<Float16>()[static_cast<std::size_t>(i)] = Float16(pattern(i));
  for (std::int64_t first = 0; first < count; first += chunk) {
    const std::int64_t n = std::min(chunk, count - first);
    const TensorSpec spec{{n}, DType::f16, Device::cuda(0)};
    copy(TensorView(static_cast<Float16*>(data) + first, spec),
         ConstTensorView(host.view().raw(), {{n}, DType::f16, Device::cpu()}));
  }
}

Tensor part_of(const void* data, std::int64_t first, std::int64_t count) {
  Tensor host = Tensor::empty({count}, DType::f16);
  copy(host,
       ConstTensorView(static_cast<const Float16*>(data) + first, {{count}, DType::f16, Device::cuda(0)}));
  return host;
}

TEST_F(CudaLarge, MoreThanTwoToThe31Elements) {
  // A kernel of 2 x 2 with stride 2: y[2i + a, 2j + b] = x[i, j] * w[a, b] + bias.
  const ConvProblem p = ConvProblem::parse("n1ci1ih32769iw32771co1kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f16");
  const std::int64_t in = p.ih * p.iw, out = p.oh() * p.ow();
  ASSERT_GT(out, std::int64_t{1} << 32);
  const Block x(static_cast<std::size_t>(in) * 2), y(static_cast<std::size_t>(out) * 2);
  if (x.data() == nullptr || y.data() == nullptr) GTEST_SKIP() << "needs 11 GB of GPU memory";
  fill(x.data(), in);
  const float weights[] = {1.0f, 2.0f, -1.0f, 0.5f};
  Tensor weight =
      Tensor::from(std::span<const float>(weights), {1, 1, 2, 2}).to(DType::f16).to(Device::cuda(0));
  Tensor bias = Tensor::full({1}, 0.25, DType::f16, Device::cuda(0));
  ExecutionContext ctx({.device = Device::cuda(0)});
  const TensorView whole = cuda::wrap(y.data(), p.y_shape(), DType::f16);
  kernels::convolution(p,
                       {.x = cuda::wrap(x.data(), p.x_shape(), DType::f16),
                        .weight = weight,
                        .packed_weight = {},
                        .epilogue = {.bias = bias},
                        .y = whole},
                       "", ctx);
  const auto check = [&](auto after) {
    for (const std::int64_t row :
         {std::int64_t{0}, std::int64_t{1}, p.oh() / 2, p.oh() / 2 + 1, p.oh() - 2, p.oh() - 1}) {
      const Tensor actual = part_of(y.data(), row * p.ow(), p.ow());
      std::int64_t wrong = 0;
      for (std::int64_t column = 0; column < p.ow(); ++column) {
        const float value = pattern(row / 2 * p.iw + column / 2) * weights[row % 2 * 2 + column % 2] + 0.25f;
        wrong +=
            !(static_cast<float>(actual.data<Float16>()[static_cast<std::size_t>(column)]) == after(value));
      }
      EXPECT_EQ(wrong, 0) << "in row " << row;
    }
  };
  check([](float value) { return value; });
  kernels::pointwise({.inner = out, .dtype = DType::f16},
                     {.x = whole, .epilogue = {.first = {.kind = kernels::ActivationKind::relu}}, .y = whole},
                     "", ctx);
  check([](float value) { return value < 0.0f ? 0.0f : value; });
}

TEST_F(CudaLarge, ImagesThatShareABatchPastTwoToThe31) {
  const ConvProblem p = ConvProblem::parse("n3ci1ih32768iw32768co1kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f16");
  const std::int64_t count = p.n * p.ih * p.iw;
  const Block x(static_cast<std::size_t>(count) * 2), y(static_cast<std::size_t>(count) * 2);
  if (x.data() == nullptr || y.data() == nullptr) GTEST_SKIP() << "needs 13 GB of GPU memory";
  fill(x.data(), count);
  Tensor weight = Tensor::full({1, 1, 1, 1}, -2.0, DType::f16, Device::cuda(0));
  ExecutionContext ctx({.device = Device::cuda(0)});
  for (const auto& row : kernels::convolution_rows(Device::Type::cuda)) {
    if (!row.supports(p, ctx.caps()).supported) continue;
    ASSERT_EQ(cudaMemset(y.data(), 0xff, static_cast<std::size_t>(count) * 2), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    row.launch(p,
               {.x = cuda::wrap(x.data(), p.x_shape(), DType::f16),
                .weight = weight,
                .packed_weight = {},
                .epilogue = {},
                .y = cuda::wrap(y.data(), p.y_shape(), DType::f16)},
               ctx);
    for (const std::int64_t first : {std::int64_t{0}, (std::int64_t{1} << 31) - 5000, count - 10000}) {
      const Tensor actual = part_of(y.data(), first, 10000);
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < 10000; ++i)
        wrong += !(static_cast<float>(actual.data<Float16>()[static_cast<std::size_t>(i)]) ==
                   -2.0f * pattern(first + i));
      EXPECT_EQ(wrong, 0) << row.name << " from " << first;
    }
  }
}

}  // namespace
}  // namespace upconv::test
