#include <optional>
#include <string>
#include <utility>

#include <upconv/framework/error.h>
#include <upconv/framework/recording.h>
#include <upconv/layers/arithmetic.h>
#include <upconv/layers/arithmetic_operation.h>
#include <upconv/layers/pointwise_operation.h>

namespace upconv {

namespace {

/// Multiplication and addition with a number are rungs of an epilogue: factor and offset of x, if it is one.
std::optional<std::pair<float, float>> as_rung(kernels::BinaryKind kind, float number, bool number_first) {
  switch (kind) {
    case kernels::BinaryKind::add:
      return std::pair(1.0f, number);
    case kernels::BinaryKind::subtract:
      return number_first ? std::pair(-1.0f, number) : std::pair(1.0f, -number);
    case kernels::BinaryKind::multiply:
      return std::pair(number, 0.0f);
    case kernels::BinaryKind::divide:  // times the reciprocal would round twice
    case kernels::BinaryKind::maximum:
    case kernels::BinaryKind::minimum:
      return {};
  }
  return {};
}

Value record(kernels::BinaryKind kind, const Operand& a, const Operand& b) {
  if (!a.number() && !b.number()) {
    const Value values[2] = {a.value(), b.value()};
    return Recording::call(std::make_shared<BinaryOperation>(kind, std::nullopt, false), values, a.where());
  }
  if (a.number() && b.number()) throw ArgumentError("arithmetic on Values needs a Value, got two numbers");
  const Operand &value = a.number() ? b : a, &number = a.number() ? a : b;
  const auto factor = static_cast<float>(*number.number());
  if (const auto rung = as_rung(kind, factor, a.number().has_value())) {
    Ladder ladder;
    static_cast<void>(ladder.add(rung->first, rung->second));  // an empty ladder takes every rung
    auto operation =
        std::make_shared<PointwiseOperation>(std::string(kernels::name_of(kind)), std::move(ladder));
    return Recording::call(std::move(operation), {&value.value(), 1}, value.where());
  }
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
