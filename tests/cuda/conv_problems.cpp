#include "conv_problems.h"

#include <string_view>

#include "support.h"

#include <upconv/framework/error.h>

namespace upconv::test {

namespace {

using kernels::ConvProblem;
using kernels::PaddingMode;

constexpr std::string_view kCorners[] = {
    "n1ci1ih1iw1co1kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",      // one multiplication
    "n2ci3ih1iw1co5kh3kw3_s1x1_p0x0_op0x0_d1x1_g1_f32",      // one-pixel images
    "n2ci3ih1iw1co5kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",      // ... with a one-pixel output
    "n1ci2ih4iw5co3kh2kw2_s3x3_p0x0_op0x0_d1x1_g1_f32",      // stride above the kernel: phases without taps
    "n1ci2ih4iw5co3kh3kw3_s2x2_p0x0_op1x1_d2x2_g1_f32",      // stride and dilation with a common factor
    "n1ci2ih4iw5co3kh3kw3_s4x6_p0x0_op1x2_d2x3_g1_f32",      // ... not equal
    "n1ci2ih3iw3co2kh5kw5_s1x1_p3x3_op0x0_d1x1_g1_f32",      // padding that crops all but one pixel
    "n1ci2ih5iw7co2kh4kw4_s2x2_p2x3_op1x1_d1x1_g1_f32",      // padding above half the kernel
    "n0ci2ih5iw7co2kh4kw4_s2x2_p1x1_op0x0_d1x1_g1_f32",      // zero batch
    "n2ci32ih9iw33co32kh3kw7_s1x1_p1x3_op0x0_d1x1_g1_f32",   // the flagship, small
    "n1ci17ih13iw31co19kh3kw5_s1x1_p1x2_op0x0_d1x1_g1_f32",  // odd channels and widths
    "n2ci16ih9iw9co16kh4kw4_s2x2_p1x1_op0x0_d1x1_g16_f32",   // depthwise
    "n2ci8ih9iw9co24kh3kw3_s2x1_p1x1_op1x0_d1x1_g4_f32",     // groups that widen
    "n1ci24ih5iw5co8kh3kw3_s1x2_p1x1_op0x1_d1x1_g4_f32",     // groups that narrow
    "n1ci3ih7iw11co2kh11kw13_s2x3_p4x5_op1x2_d1x1_g1_f32",   // more than one chunk of taps
    "n1ci2ih3iw4co9kh7kw7_s1x1_p2x2_op0x0_d5x4_g1_f32",      // dilation beyond the image
    "n33ci4ih2iw3co6kh3kw3_s1x1_p1x1_op0x0_d1x1_g1_f32",     // many tiny images
    "n1ci1ih2iw3000co1kh1kw3_s1x1_p0x1_op0x0_d1x1_g1_f32",   // one long row
    "n1ci1ih3000iw1co1kh3kw1_s2x1_p1x0_op1x0_d1x1_g1_f32",   // one long column
    "n2ci64ih6iw5co48kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",    // a matrix product
    "n3ci13ih7iw3co11kh1kw1_s1x1_p0x0_op0x0_d1x1_g1_f32",    // ... with nothing aligned
    "n1ci8ih16iw16co8kh2kw2_s2x2_p0x0_op0x0_d1x1_g1_f32",    // kernel = stride
    "n1ci3ih4iw4co3kh1kw1_s2x2_p0x0_op1x1_d1x1_g1_f32",      // 1x1 with stride
    "n2ci3ih9iw8co5kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",      // ordinary convolutions from here
    "n2ci3ih9iw8co5kh3kw3_s2x3_p2x2_zeros_d1x1_g1_f32",
    "n2ci4ih9iw8co8kh3kw3_s1x1_p2x2_zeros_d2x2_g2_f32",
    "n1ci5ih1iw1co3kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
    "n1ci15ih6iw7co13kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
    "n3ci64ih6iw5co48kh1kw1_s1x1_p0x0_zeros_d1x1_g1_f32",
    "n1ci2ih5iw5co3kh5kw5_s1x1_p4x4_reflect_d1x1_g1_f32",  // reflection up to the far edge
    "n2ci2ih5iw6co3kh3kw5_s2x1_p1x2_reflect_d1x1_g1_f32",
    "n1ci2ih2iw2co3kh3kw3_s1x1_p5x7_replicate_d1x1_g1_f32",  // padding wider than the image
    "n2ci4ih5iw6co4kh3kw5_s1x2_p1x2_replicate_d1x1_g4_f32",
    "n0ci2ih5iw7co2kh3kw3_s1x1_p1x1_zeros_d1x1_g1_f32",
    "n1ci1ih40iw40co1kh9kw9_s1x1_p4x4_zeros_d1x1_g1_f32",
    "n1ci12ih9iw9co12kh3kw3_s1x1_p1x1_zeros_d1x1_g12_f32",
};
constexpr std::size_t kCount = 240;
constexpr double kMostFlops = 6e6;

ConvProblem draw(Random& random) {
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
  };
  ConvProblem p;
  p.transposed = pick(0, 2) != 0;
  p.groups = pick(0, 2) == 0 ? pick(1, 6) : 1;
  p.n = pick(1, 4);
  p.ci = p.groups * pick(1, pick(0, 3) == 0 ? 40 : 9);
  p.co = p.groups * pick(1, pick(0, 3) == 0 ? 40 : 9);
  p.ih = pick(1, 20);
  p.iw = pick(1, pick(0, 3) == 0 ? 150 : 20);
  p.kh = pick(1, 7);
  p.kw = pick(1, 7);
  p.stride_h = pick(1, 4);
  p.stride_w = pick(1, 4);
  p.dilation_h = pick(1, 3);
  p.dilation_w = pick(1, 3);
  p.pad_h = pick(0, p.kh);
  p.pad_w = pick(0, p.kw);
  if (p.transposed) {
    p.output_pad_h = pick(0, std::max(p.stride_h, p.dilation_h) - 1);
    p.output_pad_w = pick(0, std::max(p.stride_w, p.dilation_w) - 1);
  } else {
    p.padding_mode = static_cast<PaddingMode>(pick(0, 2));
  }
  return p;
}

}  // namespace

std::vector<ConvProblem> conv_problems() {
  std::vector<ConvProblem> problems;
  for (const std::string_view text : kCorners)
    problems.push_back(ConvProblem::parse(text));
  Random random(20);
  while (problems.size() < kCount) {
    const ConvProblem problem = draw(random);
    try {
      kernels::validate(problem);
    } catch (const Error&) {
      continue;  // no such layer, or no output
    }
    if (problem.flops() <= kMostFlops) problems.push_back(problem);
  }
  return problems;
}

}  // namespace upconv::test
