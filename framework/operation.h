#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <upconv/framework/context.h>
#include <upconv/framework/tensor.h>

namespace upconv {

class Operation;

/// What became of joining an operation with the one that reads its result.
struct Fusion {
  std::shared_ptr<const Operation> operation = nullptr;  ///< Does both; null if they stay apart.
  std::string reason = {};                               ///< Why they stay apart.
};

/// One call in a recorded network: what it computes, as data that outlives the recording. Immutable. A layer
/// is one, so is a function such as `cat`. To be a step of a plan it needs a name, an output_spec and a run;
/// all else it may leave out, and then costs what a step of its own costs.
class Operation {
 public:
  virtual ~Operation() = default;

  /// As messages and `explain` call it: "Conv2d 'down1.conv1'", "cat".
  virtual std::string name() const = 0;
  /// Shape and type of the result. Throws: ShapeError, DTypeError, ArgumentError.
  virtual TensorSpec output_spec(std::span<const TensorSpec> operands) const = 0;
  /// Computes y, whose spec is output_spec's; every check is done, and y is not empty.
  virtual void run(std::span<const ConstTensorView> operands, TensorView y, ExecutionContext& ctx) const = 0;

  /// Row of the kernel table that would run; "" if there is no table.
  virtual std::string kernel(std::span<const TensorSpec> operands, const ExecutionContext& ctx) const;
  /// True if `run` may be given the same memory as y and as this operand.
  virtual bool runs_in_place(std::size_t operand) const;
  /// If the result is a run of operand 0's elements, in their order: where it starts, in bytes. Such a call
  /// costs nothing.
  virtual std::optional<std::size_t> view_offset(std::span<const TensorSpec> operands) const;
  /// If the operand's elements stand in the result in one run: where it starts, in bytes. Whoever computes
  /// the operand may then write it there. An operation says so of all of its operands or of none, and they
  /// cover the result.
  virtual std::optional<std::size_t> part_offset(std::size_t operand,
                                                 std::span<const TensorSpec> operands) const;
  /// The elements, if they are known before the run: a parameter. On the context's device.
  virtual ConstTensorView constant(const ExecutionContext& ctx) const;
  /// True if the result is known before the run.
  virtual bool is_constant() const;

  /// Tells operations of one class from all others; null if nobody asks. Programs may be compiled without
  /// RTTI.
  virtual const void* family() const;
  /// This operation and `next`, which alone reads its result, as operand `operand`, as one. The operands of
  /// the result are this operation's, then the others of `next`. `operands` are their specs.
  virtual Fusion fuse(const Operation& next, std::size_t operand, std::span<const TensorSpec> operands,
                      const ExecutionContext& ctx) const;
};

}  // namespace upconv
