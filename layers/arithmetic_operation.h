#pragma once

#include <optional>
#include <string>
#include <utility>

#include <upconv/framework/operation.h>
#include <upconv/kernels/binary.h>

namespace upconv {

/// f(a, b) of two values, or of one and a number, which is one side of it. Internal: not installed.
class BinaryOperation : public Operation {
 public:
  /// No number: both operands are values.
  BinaryOperation(kernels::BinaryKind kind, std::optional<float> number, bool number_first)
      : kind_(kind), number_(number), number_first_(number_first) {}

  const void* family() const override { return &kFamily; }
  /// `operation` as one of this class, or null.
  static const BinaryOperation* from(const Operation& operation) {
    return operation.family() == &kFamily ? static_cast<const BinaryOperation*>(&operation) : nullptr;
  }

  std::string name() const override { return std::string(kernels::name_of(kind_)); }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override;
  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override;
  bool runs_in_place(std::size_t) const override { return true; }  // of the result's size: none is repeated
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override;
  /// A sum of equal shapes is an epilogue of its first operand, so that what follows joins it.
  Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
              const ExecutionContext& ctx) const override;

  /// s and t if this is s * a + t * b of two values with signs s and t.
  std::optional<std::pair<float, float>> sum_signs() const;

 private:
  static constexpr char kFamily = 0;

  kernels::BinaryProblem problem(std::span<const TensorSpec> operands) const;

  kernels::BinaryKind kind_;
  std::optional<float> number_;
  bool number_first_;
};

}  // namespace upconv
