#pragma once

#include <string>
#include <vector>

#include <upconv/framework/operation.h>
#include <upconv/kernels/strided_copy.h>

namespace upconv {

/// A copy of a box of one operand into a box of the result; the operation fills in the size of an element.
using Piece = kernels::StridedCopyProblem;

/// Moves elements of one operand: a result of fixed shape, as pieces that cover it. Internal: not installed.
class MovementOperation : public Operation {
 public:
  MovementOperation(std::string name, const Shape& shape, std::vector<Piece> pieces)
      : name_(std::move(name)), shape_(shape), pieces_(std::move(pieces)) {}
  /// One piece: dimension i of `shape` steps by strides[i] elements of the operand, from `offset` on.
  MovementOperation(std::string name, const Shape& shape, std::span<const std::int64_t> strides,
                    std::int64_t offset = 0);

  std::string name() const override { return name_; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    return {shape_, operands[0].dtype, operands[0].device};
  }
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override;
  std::optional<std::size_t> view_offset(std::span<const TensorSpec> operands) const override;
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;

 private:
  std::string name_;
  Shape shape_;
  std::vector<Piece> pieces_;
};

/// Joins its operands along a dimension. Internal: not installed.
class CatOperation : public Operation {
 public:
  explicit CatOperation(int dim) : dim_(dim) {}

  std::string name() const override { return "cat"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override;
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override;
  std::optional<std::size_t> part_offset(std::size_t operand,
                                         std::span<const TensorSpec> operands) const override;
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;

 private:
  /// Elements of one operand that stand together in the result.
  std::int64_t run_of(const Shape& operand) const;

  int dim_;
};

/// Strides of a contiguous tensor of this shape, in elements.
std::vector<std::int64_t> contiguous_strides(const Shape& shape);

}  // namespace upconv
