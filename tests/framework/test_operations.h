#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/recording.h>
#include <upconv/tests/framework/function_network.h>

/// Operations on f32 vectors that need no kernels, to test recording and planning alone.
namespace test_operations {

using upconv::ConstTensorView;
using upconv::ExecutionContext;
using upconv::Operation;
using upconv::SourceLocation;
using upconv::TensorSpec;
using upconv::TensorView;
using upconv::Value;

inline std::size_t bytes_before(std::size_t operand, std::span<const TensorSpec> operands) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < operand; ++i)
    bytes += operands[i].bytes();
  return bytes;
}

/// y = x * factor + the other operand, if there is one. Works in place; takes over a `Scale` of one operand
/// before it, and rounds alike whether it does or not.
class Scale : public Operation {
 public:
  explicit Scale(std::vector<float> factors) : factors_(std::move(factors)) {}

  std::string name() const override { return "scale"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    if (operands.size() == 2 && operands[1].shape != operands[0].shape) {
      throw upconv::ShapeError(upconv::message("scale: ", operands[0].shape, " and ", operands[1].shape));
    }
    return operands[0];
  }
  bool runs_in_place(std::size_t) const override { return true; }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext&) const override {
    const auto x = operands[0].data<float>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      float value = x[i];
      for (const float factor : factors_)
        value *= factor;
      y.data<float>()[i] = value + (operands.size() == 2 ? operands[1].data<float>()[i] : 0.0f);
    }
  }
  upconv::Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
                      const ExecutionContext&) const override {
    const auto* scale = dynamic_cast<const Scale*>(&next);
    if (scale == nullptr) return {};
    if (operand != 0) return {nullptr, "scale takes over its first operand alone"};
    if (operands.size() > 2 || adds) return {nullptr, "scale adds once"};
    std::vector<float> factors = factors_;
    factors.insert(factors.end(), scale->factors_.begin(), scale->factors_.end());
    auto joined = std::make_shared<Scale>(std::move(factors));
    joined->adds = scale->adds;
    return {std::move(joined)};
  }

  bool adds = false;  // has two operands, so nothing may follow in the same step

 private:
  std::vector<float> factors_;
};

/// The elements in reverse: reads what it has overwritten if it is given its operand's memory.
class Reverse : public Operation {
 public:
  std::string name() const override { return "reverse"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override { return operands[0]; }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext&) const override {
    std::ranges::reverse_copy(operands[0].data<float>(), y.data<float>().begin());
  }
};

/// Elements [begin, begin + count) of a vector.
class Slice : public Operation {
 public:
  Slice(std::int64_t begin, std::int64_t count) : begin_(begin), count_(count) {}

  std::string name() const override { return "slice"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    if (begin_ + count_ > operands[0].shape[0]) throw upconv::ShapeError("slice: out of range");
    return {{count_}, operands[0].dtype, operands[0].device};
  }
  std::optional<std::size_t> view_offset(std::span<const TensorSpec>) const override {
    return static_cast<std::size_t>(begin_) * sizeof(float);
  }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext&) const override {
    std::ranges::copy(
        operands[0].data<float>().subspan(static_cast<std::size_t>(begin_), y.data<float>().size()),
        y.data<float>().begin());
  }

 private:
  std::int64_t begin_, count_;
};

/// One vector behind the other.
class Concatenate : public Operation {
 public:
  std::string name() const override { return "cat"; }
  TensorSpec output_spec(std::span<const TensorSpec> operands) const override {
    std::int64_t count = 0;
    for (const TensorSpec& operand : operands)
      count += operand.shape[0];
    return {{count}, operands[0].dtype, operands[0].device};
  }
  std::optional<std::size_t> part_offset(std::size_t operand,
                                         std::span<const TensorSpec> operands) const override {
    return bytes_before(operand, operands);
  }
  void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext&) const override {
    auto out = y.data<float>().begin();
    for (const ConstTensorView& operand : operands)
      out = std::ranges::copy(operand.data<float>(), out).out;
  }
};

/// A vector that is known before the run.
class Constant : public Operation {
 public:
  explicit Constant(upconv::Tensor value) : value_(std::move(value)) {}

  std::string name() const override { return "constant"; }
  TensorSpec output_spec(std::span<const TensorSpec>) const override { return value_.spec(); }
  bool is_constant() const override { return true; }
  ConstTensorView constant(const ExecutionContext&) const override { return value_; }
  void run(std::span<const ConstTensorView>, TensorView, ExecutionContext&) const override {}

 private:
  upconv::Tensor value_;
};

inline Value call(std::shared_ptr<const Operation> operation, std::vector<Value> operands,
                  SourceLocation where = SourceLocation::here()) {
  return upconv::Recording::call(std::move(operation), operands, where);
}
inline Value scale(const Value& x, float factor, SourceLocation where = SourceLocation::here()) {
  return call(std::make_shared<Scale>(std::vector{factor}), {x}, where);
}
inline Value add(const Value& x, const Value& y, SourceLocation where = SourceLocation::here()) {
  auto operation = std::make_shared<Scale>(std::vector<float>{});
  operation->adds = true;
  return call(std::move(operation), {x, y}, where);
}
inline Value reverse(const Value& x, SourceLocation where = SourceLocation::here()) {
  return call(std::make_shared<Reverse>(), {x}, where);
}
inline Value slice(const Value& x, std::int64_t begin, std::int64_t count,
                   SourceLocation where = SourceLocation::here()) {
  return call(std::make_shared<Slice>(begin, count), {x}, where);
}
inline Value cat(std::vector<Value> values, SourceLocation where = SourceLocation::here()) {
  return call(std::make_shared<Concatenate>(), std::move(values), where);
}

using test_network::FunctionNetwork;

}  // namespace test_operations
