#include <cstdint>

#include <upconv/kernels/cuda/device/strided_copy.cuh>
#include <upconv/kernels/cuda/divisor.h>
#include <upconv/kernels/cuda/launch.h>
#include <upconv/kernels/cuda/rows.h>

// Copies by strides: each element is read once and written once.
//
// cuda.memcpy: rows that lie alike in both tensors are the copy engine's.
// cuda.transpose: where x's elements lie side by side along another dimension than y's, a block turns squares
// of
//   32 x 32 elements in shared memory, so that both sides move in whole sectors.
// cuda.strided: a thread an element, or as many as 16 bytes hold where strides and addresses allow. Writes
// are
//   coalesced; so are the reads of a pixel shuffle, a few streams side by side.
namespace upconv::kernels::cuda::movement {

namespace {

constexpr std::int64_t kMostPitch = 0x7fffffff;  // of cudaMemcpy2D, in bytes

std::size_t last_of(const StridedCopyProblem& p) {
  return static_cast<std::size_t>(p.rank) - 1;
}

bool rows_lie_alike(const StridedCopyProblem& p) {
  return p.rank == 0 || (p.x_strides[last_of(p)] == 1 && p.y_strides[last_of(p)] == 1);
}

void add(device::StridedCopyArguments& arguments, const StridedCopyProblem& p, std::size_t dim) {
  arguments.sizes[arguments.rank] = divisor_of(p.sizes[dim]);
  arguments.x_strides[arguments.rank] = p.x_strides[dim];
  arguments.y_strides[arguments.rank] = p.y_strides[dim];
  ++arguments.rank;
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
  std::uint64_t bits = reinterpret_cast<std::uintptr_t>(operands.x_begin(p)) |
                       reinterpret_cast<std::uintptr_t>(operands.y_begin(p)) | 16;
  const auto bytes = static_cast<std::uint64_t>(p.element_bytes);
  bits |= static_cast<std::uint64_t>(p.sizes[last_of(p)]) * bytes;
  for (std::size_t i = 0; i < last_of(p); ++i) {
    bits |= static_cast<std::uint64_t>(p.x_strides[i]) * bytes |
            static_cast<std::uint64_t>(p.y_strides[i]) * bytes;
  }
  return static_cast<std::int64_t>((bits & (~bits + 1)) / bytes);
}

/// Calls visit(std::type_identity<T>) with a type of that many bytes.
template <class Visit>
void visit_width(int bytes, Visit&& visit) {
  switch (bytes) {
    case 2:
      return visit(std::type_identity<std::uint16_t>{});
    case 4:
      return visit(std::type_identity<std::uint32_t>{});
    case 8:
      return visit(std::type_identity<std::uint64_t>{});
    case 16:
      return visit(std::type_identity<uint4>{});
  }
}

/// The dimension along which x's elements lie side by side, if it is not the last and large enough to gain;
/// or -1.
int transposed_dimension(const StridedCopyProblem& p) {
  if (p.rank < 2 || p.y_strides[last_of(p)] != 1 || p.x_strides[last_of(p)] < 4 || p.sizes[last_of(p)] < 8)
    return -1;
  for (int dim = p.rank - 2; dim >= 0; --dim) {
    if (p.x_strides[static_cast<std::size_t>(dim)] == 1 && p.sizes[static_cast<std::size_t>(dim)] >= 8)
      return dim;
  }
  return -1;
}

}  // namespace

Verdict supports_memcpy(const StridedCopyProblem& p, const DeviceCaps&) {
  if (!rows_lie_alike(p)) return Verdict::no("only for rows that lie alike in both tensors");
  if (p.rank > 2) return Verdict::no("only for rows at one distance");
  if (p.rank == 2) {
    const std::int64_t row = p.sizes[1], most = kMostPitch / p.element_bytes;
    if (p.x_strides[0] < row || p.y_strides[0] < row || p.x_strides[0] > most || p.y_strides[0] > most) {
      return Verdict::no("rows must not overlap, and be less than 2^31 bytes apart");
    }
  }
  return Verdict::yes();
}

void launch_memcpy(const StridedCopyProblem& p, const StridedCopyOperands& operands, ExecutionContext& ctx) {
  const upconv::cuda::DeviceGuard guard(ctx.device().index());
  const auto bytes = static_cast<std::size_t>(p.element_bytes);
  if (p.rank < 2) {
    const std::size_t row = p.rank == 0 ? bytes : static_cast<std::size_t>(p.sizes[0]) * bytes;
    upconv::cuda::check(cudaMemcpyAsync(operands.y_begin(p), operands.x_begin(p), row,
                                        cudaMemcpyDeviceToDevice, stream_of(ctx)),
                        "cudaMemcpyAsync");
    return;
  }
  upconv::cuda::check(
      cudaMemcpy2DAsync(operands.y_begin(p), static_cast<std::size_t>(p.y_strides[0]) * bytes,
                        operands.x_begin(p), static_cast<std::size_t>(p.x_strides[0]) * bytes,
                        static_cast<std::size_t>(p.sizes[1]) * bytes, static_cast<std::size_t>(p.sizes[0]),
                        cudaMemcpyDeviceToDevice, stream_of(ctx)),
      "cudaMemcpy2DAsync");
}

Verdict supports_transpose(const StridedCopyProblem& p, const DeviceCaps&) {
  return transposed_dimension(p) >= 0 ? Verdict::yes() : Verdict::no("only for transpositions");
}

void launch_transpose(const StridedCopyProblem& p, const StridedCopyOperands& operands,
                      ExecutionContext& ctx) {
  const auto square = static_cast<std::size_t>(transposed_dimension(p));
  device::StridedCopyArguments outer;
  std::int64_t planes = 1;
  for (std::size_t dim = 0; dim < last_of(p); ++dim) {
    if (dim == square) continue;
    add(outer, p, dim);
    planes *= p.sizes[dim];
  }
  device::TransposedPlane plane{.rows = p.sizes[square],
                                .columns = p.sizes[last_of(p)],
                                .x_column = p.x_strides[last_of(p)],
                                .y_row = p.y_strides[square],
                                .row_tiles = (p.sizes[square] + 31) / 32,
                                .column_tiles = (p.sizes[last_of(p)] + 31) / 32};
  visit_width(p.element_bytes, [&]<class T>(std::type_identity<T>) {
    launch_kernel(device::transpose_copy<T>, planes * plane.row_tiles * plane.column_tiles, 256, ctx,
                  reinterpret_cast<const T*>(operands.x_begin(p)), reinterpret_cast<T*>(operands.y_begin(p)),
                  plane, outer);
  });
}

void launch_strided(const StridedCopyProblem& problem, const StridedCopyOperands& operands,
                    ExecutionContext& ctx) {
  const StridedCopyProblem p = widened(problem, widest(problem, operands));
  device::StridedCopyArguments arguments;
  for (std::size_t dim = 0; dim < static_cast<std::size_t>(p.rank); ++dim)
    add(arguments, p, dim);
  const std::int64_t count = p.count();
  visit_width(p.element_bytes, [&]<class T>(std::type_identity<T>) {
    const auto launch = [&]<class Index>(std::type_identity<Index>) {
      launch_grid_stride(
          device::strided_copy<T, Index>, count, ctx, reinterpret_cast<const T*>(operands.x_begin(problem)),
          reinterpret_cast<T*>(operands.y_begin(problem)), static_cast<Index>(count), arguments);
    };
    count < kFewestFor64Bits ? launch(std::type_identity<std::uint32_t>{})
                             : launch(std::type_identity<std::uint64_t>{});
  });
}

}  // namespace upconv::kernels::cuda::movement
