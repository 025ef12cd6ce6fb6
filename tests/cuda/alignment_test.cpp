#include <algorithm>
#include <vector>

#include "cuda/support.h"

#include <upconv/kernels/convolution.h>

// Every width near the sizes that kernels work in, and operands at every address that an element may have:
// views of a program's own memory are aligned to an element and no more.

namespace upconv::test {
namespace {

using kernels::ConvProblem;
using kernels::ConvRow;

std::vector<std::int64_t> widths() {
  std::vector<std::int64_t> result;
  for (const auto& [first, last] : {std::pair{1, 17}, {63, 65}, {127, 129}, {255, 257}}) {
    for (std::int64_t width = first; width <= last; ++width)
      result.push_back(width);
  }
  return result;
}

class CudaAlignment : public Gpu, public ::testing::WithParamInterface<const char*> {};

/// Bit for bit what the reference computes, and the same bits at every address.
TEST_P(CudaAlignment, WidthsAndAddressesDoNotMatter) {
  ExecutionContext ctx({.device = Device::cuda(0)});
  ExecutionContext cpu({.kernels = {{"conv_transpose2d", "cpu.reference"}, {"conv2d", "cpu.reference"}}});
  Random random(15);
  const std::vector<std::int64_t> all = widths();
  for (std::size_t k = 0; k < all.size(); k += every()) {
    for (const DType dtype : kComputeDTypes) {
      ConvProblem p = ConvProblem::parse(GetParam());
      p.iw = all[k];
      p.dtype = dtype;
      const GpuConvolution::Host host{.x = random_tensor(p.x_shape(), dtype, Values::exact, random),
                                      .weight = random_tensor(p.weight_shape(), dtype, Values::exact, random),
                                      .bias = random_tensor({p.co}, dtype, Values::exact, random),
                                      .slopes = random_slopes(p.co, dtype, random),
                                      .activation = {.kind = kernels::ActivationKind::prelu, .a = 0.125f}};
      const auto packed = kernels::pack_weight(p, host.weight, cpu.device());
      Tensor expected = Tensor::empty(p.y_shape(), dtype);
      kernels::ConvOperands operands{.x = host.x,
                                     .weight = host.weight,
                                     .packed_weight = &packed,
                                     .epilogue = {.bias = host.bias, .first = host.activation},
                                     .y = expected};
      operands.epilogue.first.slopes = host.slopes;
      kernels::convolution(p, operands, "", cpu);
      for (int offset = 0; offset < 8; ++offset) {
        if (offset > 1 && (offset + static_cast<int>(k)) % 3 != 0) continue;  // all of them in three widths
        const GpuConvolution gpu(p, host, offset);
        for (const Precision precision : {Precision::fp32, Precision::tf32}) {
          if (precision == Precision::tf32 && dtype != DType::f32) continue;
          p.precision = precision;
          for (const ConvRow& row : kernels::convolution_rows(Device::Type::cuda)) {
            if (!row.supports(p, ctx.caps()).supported) continue;
            ASSERT_TRUE(exactly_equal(gpu.run(row, p, ctx), expected))
                << row.name << ' ' << p.op() << ' ' << p.to_string() << " offset " << offset;
          }
        }
      }
      p.precision = Precision::fp32;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, CudaAlignment,
                         ::testing::Values("n1ci9ih5iw1co10kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",
                                           "n2ci16ih4iw1co20kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
                                           "n1ci12ih6iw1co8kh5kw5_s1x1_p2x2_op0x0_d1x1_g1_f32",
                                           "n1ci8ih7iw1co9kh7kw7_s1x1_p3x3_zeros_d1x1_g1_f32",
                                           "n2ci16ih3iw1co12kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",
                                           "n1ci5ih4iw1co6kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32"),
                         [](const auto& instance) {
                           const ConvProblem p = ConvProblem::parse(instance.param);
                           return message(p.op(), '_', p.kh, 'x', p.kw);
                         });

}  // namespace
}  // namespace upconv::test
