#include <algorithm>
#include <cmath>
#include <map>

#include "cuda/support.h"
#include "kernels/resize_problems.h"

#include <upconv/kernels/resize2d.h>

// Every CUDA row that resizes, against the CPU's double reference.

namespace upconv::test {
namespace {

using kernels::ResizeKind;
using kernels::ResizeProblem;
using kernels::ResizeRow;

class CudaResize2d : public Gpu {
 protected:
  /// Runs every row that fits, twice.
  void check(const ResizeProblem& p, int offset) {
    SCOPED_TRACE(p.to_string());
    const Tensor x = random_tensor({p.planes, p.ih, p.iw}, p.dtype, Values::normal, random_);
    Tensor expected = Tensor::empty({p.planes, p.oh, p.ow}, p.dtype);
    ExecutionContext plain({.num_threads = 1});
    const auto rows = kernels::resize2d_rows(Device::Type::cpu);
    std::ranges::find(rows, "cpu.reference", &ResizeRow::name)->launch(p, {.x = x, .y = expected}, plain);
    const bool copies = p.kind == ResizeKind::nearest || p.kind == ResizeKind::nearest_exact;
    const std::vector<double> wanted = to_doubles(expected);
    ExecutionContext ctx({.device = Device::cuda(0)});
    for (const ResizeRow& row : kernels::resize2d_rows(Device::Type::cuda)) {
      if (!row.supports(p, ctx.caps()).supported) continue;
      SCOPED_TRACE(row.name);
      ++ran_[row.name];
      const GuardedGpuTensor from(x, offset);
      const GuardedGpuTensor first(expected.shape(), p.dtype, offset),
          second(expected.shape(), p.dtype, offset);
      row.launch(p, {.x = from.view(), .y = first.view()}, ctx);
      row.launch(p, {.x = from.view(), .y = second.view()}, ctx);
      ctx.synchronize();
      const Tensor y = first.values();
      EXPECT_TRUE(same_bits(y, second.values())) << "runs differ";
      if (copies) {
        EXPECT_TRUE(exactly_equal(y, expected));
        continue;
      }
      const std::vector<double> got = to_doubles(y);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double bound = 2 * unit_of(p.dtype) * std::abs(wanted[i]) + 0x1p-18;
        ASSERT_TRUE(std::abs(got[i] - wanted[i]) <= bound) << i << ": " << got[i] << " for " << wanted[i];
      }
    }
  }

  Random random_{5};
  std::map<std::string_view, int> ran_;
};

TEST_F(CudaResize2d, EveryRowIsTheReference) {
  const std::vector<ResizeProblem> problems = resize_problems(43, 400);
  for (std::size_t i = 0; i < problems.size(); i += every())
    check(problems[i], static_cast<int>(i % 3 == 0 ? i % 8 : 0));
  for (const ResizeRow& row : kernels::resize2d_rows(Device::Type::cuda))
    EXPECT_GT(ran_[row.name], 0) << row.name;
}

TEST_F(CudaResize2d, LargeImagesToo) {
  for (const DType dtype : kComputeDTypes) {
    for (const ResizeKind kind : {ResizeKind::nearest, ResizeKind::bilinear, ResizeKind::bicubic}) {
      check({.kind = kind, .planes = 33, .ih = 130, .iw = 256, .oh = 260, .ow = 512, .dtype = dtype}, 0);
      check({.kind = kind, .planes = 5, .ih = 230, .iw = 517, .oh = 300, .ow = 1034, .dtype = dtype}, 0);
    }
    for (const ResizeKind kind : {ResizeKind::bilinear, ResizeKind::bicubic}) {
      check({.kind = kind,
             .antialias = true,
             .planes = 3,
             .ih = 512,
             .iw = 640,
             .oh = 256,
             .ow = 320,
             .dtype = dtype},
            0);
      check({.kind = kind,
             .antialias = true,
             .planes = 3,
             .ih = 900,
             .iw = 700,
             .oh = 3,
             .ow = 4,
             .dtype = dtype},
            0);
    }
  }
}

}  // namespace
}  // namespace upconv::test
