#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <upconv/framework/operation.h>
#include <upconv/framework/value.h>

namespace upconv {

class Module;

/// The calls that a Network's `forward` makes for inputs of some shapes, in their order. Functions on values,
/// such as `cat`, add to it; a plan is made of it. One thread, one recording.
class Recording : public std::enable_shared_from_this<Recording> {
 public:
  /// A call, or an input, which has no operation.
  struct Node {
    std::shared_ptr<const Operation> operation;  ///< Null for an input.
    std::vector<std::size_t> operands;           ///< Indices of nodes before this one.
    TensorSpec spec;                             ///< Of the result.
    SourceLocation where;                        ///< Of the call.
  };

  /// Calls `forward` with values of these specs. Throws: what `forward` throws, with the place it came from;
  /// StateError if it returns what is not a value of its own, or calls itself without end.
  static std::shared_ptr<const Recording> of(std::span<const TensorSpec> inputs,
                                             const std::function<Values(std::span<const Value>)>& forward);

  const std::vector<Node>& nodes() const { return nodes_; }             ///< In the order of the calls.
  std::size_t input_count() const { return input_count_; }              ///< The first nodes are the inputs.
  const std::vector<std::size_t>& outputs() const { return outputs_; }  ///< Nodes that are the outputs.
  /// "cat (unet.h:31)", "input 0"
  std::string describe(std::size_t node) const;

  /// The recording that the operands belong to. Throws: StateError if one is undefined, of another recording,
  /// or of one that has ended; ArgumentError if there are none.
  static Recording& common(std::string_view function, std::span<const Value> operands, SourceLocation where);
  /// Appends a call. Throws: ShapeError, DTypeError or ArgumentError, naming operation, place and operands.
  static Value call(std::shared_ptr<const Operation> operation, std::span<const Value> operands,
                    SourceLocation where);
  /// Appends what is known before the run, to the recording that `value` belongs to. Throws: as `common`
  /// does.
  static Value constant(std::shared_ptr<const Operation> operation, const Value& value, SourceLocation where);
  /// While it lives, calls are made inside `module`'s forward, as messages say.
  class Scope {
   public:
    /// Begins it. Throws: StateError if too many are open: a forward calls itself.
    Scope(Recording& recording, const Module& module, SourceLocation where);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Recording& recording_;
  };

  /// The spec of the node behind a value of this recording.
  const TensorSpec& spec_of(std::size_t node) const { return nodes_[node].spec; }

 private:
  struct Frame {
    const Module* module;
    SourceLocation where;
  };

  /// Where a call was made, and what its operands are, a line each.
  std::string trail(std::span<const std::size_t> operands, SourceLocation where) const;

  std::vector<Node> nodes_;
  std::size_t input_count_ = 0;
  std::vector<std::size_t> outputs_;
  std::vector<Frame> frames_;
  std::vector<TensorSpec> operand_specs_;  // of the call being made; kept for its memory
  bool ended_ = false;
};

}  // namespace upconv
