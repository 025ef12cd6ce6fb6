#include <algorithm>
#include <cmath>

#include "problems.h"
#include "resize_problems.h"
#include "targets.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <upconv/kernels/cpu/resize_table.h>

namespace upconv::test {
namespace {

using kernels::ResizeKind;
using kernels::ResizeProblem;
using kernels::ResizeRow;

const ResizeRow& row_named(std::string_view name) {
  return *std::ranges::find(kernels::resize2d_rows(Device::Type::cpu), name, &ResizeRow::name);
}

double rounding_of(DType dtype) {
  return dtype == DType::f16 ? 0x1p-10 : dtype == DType::bf16 ? 0x1p-7 : 0x1p-22;
}

/// Compares every row and instruction set with the reference.
void check(const ResizeProblem& p, std::mt19937& random) {
  SCOPED_TRACE(p.to_string());
  const Tensor x = random_tensor({p.planes, p.ih, p.iw}, p.dtype, Values::normal, random);
  Tensor expected = Tensor::empty({p.planes, p.oh, p.ow}, p.dtype);
  ExecutionContext plain({.num_threads = 1});
  row_named("cpu.reference").launch(p, {.x = x, .y = expected}, plain);
  const bool copies = p.kind == ResizeKind::nearest || p.kind == ResizeKind::nearest_exact;
  const std::vector<double> wanted = to_doubles(expected);
  for (const std::int64_t target : runnable_targets()) {
    const ForcedTarget forced(target);
    SCOPED_TRACE(hwy::TargetName(target));
    Tensor first;
    for (const int threads : {1, 3}) {
      ExecutionContext ctx({.num_threads = threads});
      GuardedTensor y(expected.shape(), p.dtype);
      row_named("cpu.simd").launch(p, {.x = x, .y = y.view()}, ctx);
      ASSERT_TRUE(y.guards_intact());
      if (!first.defined()) {
        first = Tensor::empty(expected.shape(), p.dtype);
        copy(first, y.view());
      }
      ASSERT_TRUE(bit_equal(first, y.view())) << "threads change bits";
    }
    if (copies) {
      ASSERT_TRUE(bit_equal(first, expected));
      continue;
    }
    const std::vector<double> got = to_doubles(first);
    for (std::size_t i = 0; i < got.size(); ++i) {
      // Pixels are below 6; the cubic's weights add up to at most 2 in absolute value.
      const double bound = rounding_of(p.dtype) * std::abs(wanted[i]) + 0x1p-18;
      ASSERT_TRUE(std::abs(got[i] - wanted[i]) <= bound) << i << ": " << got[i] << " for " << wanted[i];
    }
  }
}

TEST(Resize2d, EveryRowIsTheReference) {
  std::mt19937 random(3);
  for (const ResizeProblem& p : resize_problems(41, 400))
    check(p, random);
}

TEST(Resize2d, LargeImagesToo) {
  std::mt19937 random(4);
  for (const ResizeKind kind : {ResizeKind::nearest, ResizeKind::bilinear, ResizeKind::bicubic}) {
    check({.kind = kind, .planes = 2, .ih = 130, .iw = 517, .oh = 260, .ow = 1034}, random);
    check({.kind = kind, .planes = 2, .ih = 230, .iw = 517, .oh = 100, .ow = 1034}, random);
    check({.kind = kind, .planes = 1, .ih = 1, .iw = 1, .oh = 300, .ow = 5}, random);
  }
  check({.kind = ResizeKind::bicubic, .antialias = true, .planes = 2, .ih = 700, .iw = 900, .oh = 3, .ow = 4},
        random);
}

/// Positions were computed with numpy in f32, as PyTorch computes them; its pixels are these.
TEST(Resize2d, TakesThePixelsThatPyTorchTakes) {
  const auto taken = [](ResizeKind kind, std::int64_t in, std::int64_t out, double scale) {
    const ResizeProblem p{.kind = kind, .iw = in, .ow = out, .scale_w = scale};
    Tensor x = Tensor::empty({1, 1, in}), y = Tensor::empty({1, 1, out});
    for (std::int64_t i = 0; i < in; ++i)
      x.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
    ExecutionContext ctx;
    kernels::resize2d(p, {.x = x, .y = y}, "test", ctx);
    return std::vector<float>(y.data<float>().begin(), y.data<float>().end());
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(taken(ResizeKind::nearest, 5, 3, 0), ElementsAre(0, 1, 3));
  EXPECT_THAT(taken(ResizeKind::nearest_exact, 5, 3, 0), ElementsAre(0, 2, 4));
  EXPECT_THAT(taken(ResizeKind::nearest, 3, 7, 0), ElementsAre(0, 0, 0, 1, 1, 2, 2));
  EXPECT_THAT(taken(ResizeKind::nearest_exact, 3, 7, 0), ElementsAre(0, 0, 1, 1, 1, 2, 2));
  // The scale counts and not the size that it leads to, as in PyTorch on a GPU and on images beyond 128.
  EXPECT_THAT(taken(ResizeKind::nearest, 4, 8, 2.2), ElementsAre(0, 0, 0, 1, 1, 2, 2, 3));
}

TEST(Resize2d, FindsRowsOfTwiceTheSize) {
  const ResizeProblem p{.kind = ResizeKind::bilinear, .iw = 20, .ow = 40};
  const kernels::ResizeAxis axis = kernels::column_axis(p);
  std::vector<std::byte> memory(kernels::cpu::resize_table_bytes(p, axis));
  const kernels::cpu::ResizeTable table = kernels::cpu::make_resize_table(p, axis, memory.data());
  EXPECT_EQ(table.doubled.begin, 1);  // the first pixel is not between two
  EXPECT_EQ(table.doubled.end, 19);   // nor is the last
}

TEST(Resize2d, RefusesWhatItCannotRead) {
  const auto text_of = [](const ResizeProblem& p) -> std::string {
    try {
      validate(p);
    } catch (const Error& error) {
      return error.what();
    }
    return "(nothing was thrown)";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(text_of({.ih = 0}), HasSubstr("images must have pixels"));
  EXPECT_THAT(text_of({.align_corners = true}), HasSubstr("align_corners and antialias are for bilinear"));
  EXPECT_THAT(text_of({.iw = 10, .ow = 10, .scale_w = 0.5}), HasSubstr("input sizes times scales"));
  EXPECT_THAT(text_of({.scale_w = -1}), HasSubstr("input sizes times scales"));
  EXPECT_THAT(text_of({.dtype = DType::i64}), HasSubstr("input must be f32, f16 or bf16, got i64"));
}

}  // namespace
}  // namespace upconv::test
