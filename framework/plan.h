#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <upconv/framework/context.h>
#include <upconv/framework/recording.h>

namespace upconv {

/// Where a tensor of a plan lies.
struct PlanPlace {
  /// Whose memory a tensor is in.
  enum class Kind : std::uint8_t {
    arena,     ///< Scratch of the run; `offset` is from its begin.
    input,     ///< The caller's input `index`, never written.
    output,    ///< The caller's output `index`.
    constant,  ///< A parameter: the result of node `index`.
  };
  Kind kind = Kind::arena;  ///< Whose memory.
  std::size_t index = 0;    ///< Which input, output or constant.
  std::size_t offset = 0;   ///< In bytes.

  /// True if both are the same memory.
  friend bool operator==(const PlanPlace&, const PlanPlace&) = default;
};

/// A tensor that a step reads or writes.
struct PlanTensor {
  std::size_t node = 0;  ///< Of the recording, whose result it is.
  TensorSpec spec;       ///< Shape, type and device.
  PlanPlace place;       ///< Where it lies.
};

/// One operation of a plan, or several that run as one.
struct PlanStep {
  std::shared_ptr<const Operation> operation;  ///< What runs.
  std::vector<std::size_t> nodes;  ///< Of the recording, that it computes; the last one's result is written.
  std::vector<PlanTensor> operands;  ///< As the operation takes them.
  PlanTensor result;                 ///< Of the last call.
  /// A copy of a part into the result of a concatenation, which is `result.spec` from `result.place` on.
  bool copies = false;
  bool in_whole = false;  ///< The result is made inside that of a concatenation.
  std::string note;       ///< Why it was not joined with the step that feeds it; may be empty.
};

/// A recorded network as a flat list of steps in one arena of memory. Immutable, and of one context.
class Plan {
 public:
  /// Throws: StateError if the plan does not pass its own verification, which is a bug of upconv.
  Plan(std::shared_ptr<const Recording> recording, const ExecutionContext& ctx);
  /// Of steps made elsewhere, which are verified just so.
  Plan(std::shared_ptr<const Recording> recording, std::vector<PlanStep> steps, std::size_t arena_bytes);

  std::span<const PlanStep> steps() const { return steps_; }  ///< In the order in which they run.
  std::size_t arena_bytes() const { return arena_bytes_; }    ///< Scratch of a run, beside that of kernels.
  const Recording& recording() const { return *recording_; }  ///< What it was made of.
  /// Of the outputs, in order.
  std::vector<TensorSpec> output_specs() const;

  /// Runs all steps. Inputs and outputs have the recording's specs, and do not overlap. Allocates nothing
  /// once the context's workspace has grown to what the steps need. Throws: as the operations do.
  void run(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs,
           ExecutionContext& ctx);
  /// A line a step: result, operations, where it lies, kernel, and what kept it from being joined.
  std::string explain(const ExecutionContext& ctx) const;

 private:
  void finish();

  std::shared_ptr<const Recording> recording_;
  std::size_t arena_bytes_ = 0;  // set while steps_ are made
  std::vector<PlanStep> steps_;
  std::vector<ConstTensorView> operands_;  // of the step that runs; kept for its memory
};

}  // namespace upconv
