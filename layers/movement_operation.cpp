#include <algorithm>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/layers/movement_operation.h>

namespace upconv {

namespace {

std::string row_name(const Piece& problem, const ExecutionContext& ctx) {
  return std::string(kernels::select("strided_copy", kernels::strided_copy_rows(ctx.device().type()),
                                     problem.merged(), ctx.caps(),
                                     kernels::forced_kernel("strided_copy", ctx))
                         .name);
}

void copy_piece(Piece piece, ConstTensorView x, TensorView y, const std::string& layer,
                ExecutionContext& ctx) {
  piece.element_bytes = static_cast<int>(size_of(x.dtype()));
  kernels::strided_copy(piece, {.x = x, .y = y}, std::string_view(layer), ctx);
}

}  // namespace

std::vector<std::int64_t> contiguous_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()));
  std::int64_t stride = 1;
  for (int dim = shape.rank() - 1; dim >= 0; --dim) {
    strides[static_cast<std::size_t>(dim)] = stride;
    stride *= shape[dim];
  }
  return strides;
}

MovementOperation::MovementOperation(std::string name, const Shape& shape,
                                     std::span<const std::int64_t> strides, std::int64_t offset)
    : name_(std::move(name)), shape_(shape) {
  const std::vector<std::int64_t> to = contiguous_strides(shape);
  Piece piece;
  piece.x_offset = offset;
  for (std::size_t i = 0; i < to.size(); ++i)
    piece.add(shape[static_cast<int>(i)], strides[i], to[i]);
  pieces_.push_back(piece);
}

std::string MovementOperation::kernel(std::span<const TensorSpec> operands,
                                      const ExecutionContext& ctx) const {
  if (shape_.numel() == 0) return {};
  Piece problem = pieces_[0];
  problem.element_bytes = static_cast<int>(size_of(operands[0].dtype));
  return row_name(problem, ctx);
}

std::optional<std::size_t> MovementOperation::view_offset(std::span<const TensorSpec> operands) const {
  if (shape_.numel() == 0) return 0;
  if (pieces_.size() != 1) return std::nullopt;
  const Piece merged = pieces_[0].merged();
  if (merged.rank > 1 || (merged.rank == 1 && merged.x_strides[0] != 1)) return std::nullopt;
  return static_cast<std::size_t>(pieces_[0].x_offset) * size_of(operands[0].dtype);
}

void MovementOperation::run(std::span<const ConstTensorView> operands, TensorView y,
                            ExecutionContext& ctx) const {
  for (const Piece& piece : pieces_)
    copy_piece(piece, operands[0], y, name_, ctx);
}

std::int64_t CatOperation::run_of(const Shape& operand) const {
  std::int64_t run = 1;
  for (int dim = dim_; dim < operand.rank(); ++dim)
    run *= operand[dim];
  return run;
}

TensorSpec CatOperation::output_spec(std::span<const TensorSpec> operands) const {
  const TensorSpec& first = operands[0];
  std::vector<std::int64_t> sizes(first.shape.begin(), first.shape.end());
  std::int64_t total = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Shape& shape = operands[i].shape;
    if (shape.rank() != first.shape.rank()) {
      throw ShapeError(message("cat: Tensors must have same number of dimensions: got ", first.shape.rank(),
                               " and ", shape.rank()));
    }
    if (operands[i].dtype != first.dtype) {
      throw DTypeError(message("cat: operand 0 is ", first.dtype, ", operand ", i, " is ", operands[i].dtype,
                               ": convert one of them"));
    }
    for (int dim = 0; dim < shape.rank(); ++dim) {
      if (dim != dim_ && shape[dim] != first.shape[dim]) {
        throw ShapeError(message("cat: Sizes of tensors must match except in dimension ", dim_,
                                 ". Expected size ", first.shape[dim], " but got size ", shape[dim],
                                 " for tensor number ", i, " in the list."));
      }
    }
    total += shape[dim_];
  }
  sizes[static_cast<std::size_t>(dim_)] = total;
  return {Shape(sizes), first.dtype, first.device};
}

std::optional<std::size_t> CatOperation::part_offset(std::size_t operand,
                                                     std::span<const TensorSpec> operands) const {
  for (int dim = 0; dim < dim_; ++dim) {
    if (operands[0].shape[dim] != 1) return std::nullopt;
  }
  std::size_t offset = 0;
  for (std::size_t i = 0; i < operand; ++i)
    offset += operands[i].bytes();
  return offset;
}

std::string CatOperation::kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const {
  const std::int64_t run = run_of(operands[0].shape);
  if (run == 0) return {};
  Piece problem;
  problem.element_bytes = static_cast<int>(size_of(operands[0].dtype));
  problem.add(operands[0].shape.numel() / run, run, run_of(output_spec(operands).shape));
  problem.add(run, 1, 1);
  return row_name(problem, ctx);
}

void CatOperation::run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const {
  static const std::string kName = "cat";
  const std::int64_t whole = run_of(y.shape());
  std::int64_t offset = 0;
  for (const ConstTensorView& operand : operands) {
    const std::int64_t run = run_of(operand.shape());
    if (run == 0) continue;
    Piece piece;
    piece.y_offset = offset;
    piece.add(operand.numel() / run, run, whole);
    piece.add(run, 1, 1);
    copy_piece(piece, operand, y, kName, ctx);
    offset += run;
  }
}

}  // namespace upconv
