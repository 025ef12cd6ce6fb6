#include <optional>
#include <string>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/kernels/binary.h>
#include <upconv/layers/arithmetic.h>

namespace upconv {

namespace {

/// f(a, b) of two values, or of one and a number, which is one side of it.
class BinaryOperation : public Operation {
 public:
  /// No number: both operands are values.
  BinaryOperation(kernels::BinaryKind kind, std::optional<float> number, bool number_first)
      : kind_(kind), number_(number), number_first_(number_first) {}

  std::string name() const override { return std::string(kernels::name_of(kind_)); }

  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    for (const TensorSpec& operand : operands) {
      if (!is_compute_dtype(operand.dtype))
        throw DTypeError(message(name(), ": operands must be f32, f16 or bf16, got ", operand.dtype));
      if (operand.dtype != operands[0].dtype) {
        throw DTypeError(message(name(), ": one operand is ", operands[0].dtype, ", the other ",
                                 operand.dtype, ": upconv does not convert by itself"));
      }
    }
    try {
      const Shape shape =
          operands.size() == 1 ? operands[0].shape : kernels::broadcast(operands[0].shape, operands[1].shape);
      return {shape, operands[0].dtype, operands[0].device};
    } catch (const ShapeError& error) {
      throw ShapeError(message(name(), ": ", error.what()));
    }
  }

  std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const override {
    return std::string(kernels::select("binary", kernels::binary_rows(ctx.device().type()), problem(operands),
                                       ctx.caps(), kernels::forced_kernel("binary", ctx))
                           .name);
  }

  bool runs_in_place(std::size_t) const override { return true; }  // of the result's size: none is repeated

  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const override {
    const TensorSpec& first = operands[0].spec();
    const TensorSpec specs[2] = {first, operands.back().spec()};
    kernels::BinaryOperands values{.a = {}, .b = {}, .y = y};
    if (number_) {
      (number_first_ ? values.b : values.a) = operands[0];
      values.scalar = *number_;
    } else {
      values.a = operands[0];
      values.b = operands[1];
    }
    kernels::binary(problem({specs, operands.size()}), values, kernels::name_of(kind_), ctx);
  }

 private:
  kernels::BinaryProblem problem(std::span<const TensorSpec> operands) const {
    const Shape scalar;
    const Shape& a = number_ && number_first_ ? scalar : operands[0].shape;
    const Shape& b = number_ ? (number_first_ ? operands[0].shape : scalar) : operands[1].shape;
    return kernels::BinaryProblem::of(kind_, operands[0].dtype, a, b);
  }

  kernels::BinaryKind kind_;
  std::optional<float> number_;
  bool number_first_;
};

Value record(kernels::BinaryKind kind, const Operand& a, const Operand& b) {
  if (!a.number() && !b.number()) {
    const Value values[2] = {a.value(), b.value()};
    return Recording::call(std::make_shared<BinaryOperation>(kind, std::nullopt, false), values, a.where());
  }
  if (a.number() && b.number()) throw ArgumentError("arithmetic on Values needs a Value, got two numbers");
  const Operand &value = a.number() ? b : a, &number = a.number() ? a : b;
  const auto factor = static_cast<float>(*number.number());
  return Recording::call(std::make_shared<BinaryOperation>(kind, factor, a.number().has_value()),
                         {&value.value(), 1}, value.where());
}

}  // namespace

Value operator+(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::add, a, b);
}

Value operator-(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::subtract, a, b);
}

Value operator*(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::multiply, a, b);
}

Value operator/(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::divide, a, b);
}

Value operator-(const Operand& x) {
  return record(kernels::BinaryKind::multiply, x, Operand(-1.0, x.where()));
}

Value maximum(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::maximum, a, b);
}

Value minimum(const Operand& a, const Operand& b) {
  return record(kernels::BinaryKind::minimum, a, b);
}

}  // namespace upconv
