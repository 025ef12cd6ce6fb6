#pragma once

#include <optional>

#include <upconv/framework/value.h>

/// Arithmetic on Values, with PyTorch's names and broadcasting. Operands are Values of one type, or numbers,
/// which take part in f32 and are rounded with the result. NaN passes through. DType: f32, f16, bf16,
/// computed in f32. Execution: deterministic; in place where the plan allows it. Throws: ShapeError,
/// DTypeError, naming place and operands; StateError for a Value of another recording.
namespace upconv {

/// An operand of arithmetic: a Value or a number, and where it was written.
class Operand {
 public:
  /// A value.
  Operand(const Value& value, SourceLocation where = SourceLocation::here()) : value_(value), where_(where) {}
  /// A number.
  Operand(double number, SourceLocation where = SourceLocation::here()) : number_(number), where_(where) {}

  /// Not defined if this is a number.
  const Value& value() const { return value_; }
  const std::optional<double>& number() const { return number_; }  ///< Nothing if this is a Value.
  /// Where the operand was written.
  SourceLocation where() const { return where_; }

 private:
  Value value_;
  std::optional<double> number_;
  SourceLocation where_;
};

/// a + b. Source: torch.add.
Value operator+(const Operand& a, const Operand& b);
/// a - b. Source: torch.sub.
Value operator-(const Operand& a, const Operand& b);
/// a * b. Source: torch.mul.
Value operator*(const Operand& a, const Operand& b);
/// a / b. Source: torch.div.
Value operator/(const Operand& a, const Operand& b);
/// -x. Source: torch.neg.
Value operator-(const Operand& x);
/// The larger of a and b. Source: torch.maximum.
Value maximum(const Operand& a, const Operand& b);
/// The smaller of a and b. Source: torch.minimum.
Value minimum(const Operand& a, const Operand& b);

}  // namespace upconv
