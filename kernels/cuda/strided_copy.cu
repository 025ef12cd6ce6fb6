#include <cstdint>

#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>
#include <upconv/kernels/cuda/strided_copy.h>

// Copies by strides: each element is read once and written once. Rows of the table: this file's, and those of
// copy_rows.cu, interleave.cu and transpose.cu.
//
// cuda.memcpy: what is one run in both tensors is the copy engine's. Runs at a distance are not:
//   cudaMemcpy2D reached 39 to 58 % of a plain copy's rate on an H200.
// cuda.strided: every copy. A thread makes 16 bytes of y where y's rows allow it, and walks the dimensions
//   once for them; otherwise four elements, whose loads do not wait for each other. Elements that lie side by
//   side in both tensors, but fewer than cuda.rows takes, move as one of up to 16 bytes.
namespace upconv::kernels::cuda::movement {

namespace {

bool rows_lie_alike(const StridedCopyProblem& p) {
  return p.rank == 0 || (p.x_strides[last_of(p)] == 1 && p.y_strides[last_of(p)] == 1);
}

/// The same copy with `factor` elements as one.
StridedCopyProblem widened(StridedCopyProblem p, std::int64_t factor) {
  if (factor == 1) return p;
  p.element_bytes *= static_cast<int>(factor);
  for (std::size_t i = 0; i < last_of(p); ++i) {
    p.x_strides[i] /= factor;
    p.y_strides[i] /= factor;
  }
  p.sizes[last_of(p)] /= factor;
  return p;
}

/// How many elements can move as one: a power of two, at most 16 bytes of them.
std::int64_t widest(const StridedCopyProblem& p, const StridedCopyOperands& operands) {
  if (p.rank == 0 || !rows_lie_alike(p)) return 1;
  const auto bytes = static_cast<std::int64_t>(p.element_bytes);
  std::uint64_t power = common_power(16, address_of(operands.x_begin(p)), address_of(operands.y_begin(p)),
                                     p.sizes[last_of(p)] * bytes);
  for (std::size_t i = 0; i < last_of(p); ++i)
    power = common_power(power, p.x_strides[i] * bytes, p.y_strides[i] * bytes);
  return static_cast<std::int64_t>(power) / bytes;
}

/// True if rows of y consist of whole packs of 16 bytes.
bool has_wide_rows(const StridedCopyProblem& p, const void* y) {
  const auto bytes = static_cast<std::int64_t>(p.element_bytes);
  if (p.y_strides[last_of(p)] != 1) return false;
  std::uint64_t power = common_power(16, address_of(y), p.sizes[last_of(p)] * bytes);
  for (std::size_t i = 0; i < last_of(p); ++i)
    power = common_power(power, p.y_strides[i] * bytes);
  return power == 16;
}

template <class T, int V>
void launch_packs(const StridedCopyProblem& p, const void* x, void* y, ExecutionContext& ctx) {
  device::StridedCopyArguments outer;
  for (std::size_t dim = 0; dim < last_of(p); ++dim)
    append(outer, p, dim);
  const std::int64_t packs = p.count() / V;
  visit_index(packs, [&]<class Index>(std::type_identity<Index>) {
    launch_kernel(device::strided_copy<T, V, Index>, ceil_div(packs, 256 * device::kStridedPacks<V>), 256,
                  ctx, static_cast<const T*>(x), static_cast<T*>(y), static_cast<Index>(packs),
                  divisor_of(p.sizes[last_of(p)] / V), p.x_strides[last_of(p)], p.y_strides[last_of(p)],
                  outer);
  });
}

}  // namespace

Verdict supports_memcpy(const StridedCopyProblem& p, const DeviceCaps&) {
  return rows_lie_alike(p) && p.rank < 2 ? Verdict::yes() : Verdict::no("only for one run of elements");
}

void launch_memcpy(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  const auto bytes = static_cast<std::size_t>(p.count()) * static_cast<std::size_t>(p.element_bytes);
  upconv::cuda::check(cudaMemcpyAsync(operands.y_begin(p), operands.x_begin(p), bytes,
                                      cudaMemcpyDeviceToDevice, stream_of(ctx)),
                      "cudaMemcpyAsync");
}

void launch_strided(const StridedCopyProblem& problem, const StridedCopyOperands& operands,
                    ExecutionContext& ctx) {
  StridedCopyProblem p = widened(problem, widest(problem, operands));
  if (p.rank == 0) p.add(1, 1, 1);
  const void* x = operands.x_begin(problem);
  void* y = operands.y_begin(problem);
  if (p.element_bytes == 16) return launch_packs<uint4, 1>(p, x, y, ctx);
  visit_element(p.element_bytes, [&]<class T>(std::type_identity<T>) {
    has_wide_rows(p, y) ? launch_packs<T, 16 / sizeof(T)>(p, x, y, ctx) : launch_packs<T, 1>(p, x, y, ctx);
  });
}

}  // namespace upconv::kernels::cuda::movement
