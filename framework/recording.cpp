#include <string_view>

#include <upconv/framework/error.h>
#include <upconv/framework/message.h>
#include <upconv/framework/module.h>
#include <upconv/framework/recording.h>

namespace upconv {

namespace {

constexpr std::size_t kDeepest = 128;  // forwards inside forwards

std::string describe(SourceLocation where) {
  const std::string_view file = where.file;
  return message(file.substr(file.find_last_of('/') + 1), ':', where.line);
}

/// Rethrows the exception being handled, of the same type, with more to say.
[[noreturn]] void rethrow_with(const std::string& trail) {
  try {
    throw;
  } catch (const ShapeError& error) {
    throw ShapeError(error.what() + trail);
  } catch (const DTypeError& error) {
    throw DTypeError(error.what() + trail);
  } catch (const ArgumentError& error) {
    throw ArgumentError(error.what() + trail);
  }
}

}  // namespace

const TensorSpec& Value::spec() const {
  if (recording_ == nullptr) throw StateError("a Value that was never assigned has no shape");
  return recording_->spec_of(index_);
}

std::shared_ptr<const Recording> Recording::of(std::span<const TensorSpec> inputs,
                                               const std::function<Values(std::span<const Value>)>& forward) {
  const auto recording = std::make_shared<Recording>();
  Values values;
  for (const TensorSpec& spec : inputs) {
    recording->nodes_.push_back({.operation = nullptr, .operands = {}, .spec = spec, .where = {}});
    values.push_back(Value(recording, values.size()));
  }
  recording->input_count_ = inputs.size();
  const Values outputs = forward(values);
  if (outputs.empty()) throw StateError("forward returned no value");
  static_cast<void>(common("forward", outputs, {}));
  for (const Value& value : outputs) {
    if (value.recording_ != recording) {
      throw StateError(
          "forward returned a value of another recording: return what it computed from its input");
    }
    recording->outputs_.push_back(value.index_);
  }
  recording->ended_ = true;
  return recording;
}

std::string Recording::describe(std::size_t node) const {
  const Node& at = nodes_[node];
  if (at.operation == nullptr) return message("input ", node);
  if (at.where.line == 0) return at.operation->name();
  return message(at.operation->name(), " (", upconv::describe(at.where), ')');
}

Recording& Recording::common(std::string_view function, std::span<const Value> operands,
                             SourceLocation where) {
  const auto place = [&] {
    return where.line == 0 ? std::string() : message(" at ", upconv::describe(where));
  };
  if (operands.empty()) throw ArgumentError(message(function, ": there is no operand", place()));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].defined()) {
      throw StateError(message(function, ": operand ", i, " is a Value that was never assigned", place()));
    }
    if (operands[i].recording_ != operands[0].recording_) {
      throw StateError(message(function, ": operands ", 0, " and ", i,
                               " are of different recordings: use a Value only in the forward that made it",
                               place()));
    }
  }
  Recording& recording = *operands[0].recording_;
  if (recording.ended_) {
    throw StateError(message(
        function,
        ": the operands are of a recording that has ended: use a Value only in the forward that made it",
        place()));
  }
  return recording;
}

Value Recording::call(std::shared_ptr<const Operation> operation, std::span<const Value> operands,
                      SourceLocation where) {
  Recording& self =
      operands.empty() || !operands[0].defined() || operands[0].recording_->ended_ || operands.size() > 1
          ? common(operation->name(), operands, where)
          : *operands[0].recording_;
  std::vector<std::size_t> nodes;
  nodes.reserve(operands.size());
  self.operand_specs_.clear();
  for (const Value& value : operands) {
    nodes.push_back(value.index_);
    self.operand_specs_.push_back(self.nodes_[value.index_].spec);
  }
  TensorSpec spec;
  try {
    spec = operation->output_spec(self.operand_specs_);
  } catch (const Error&) {
    rethrow_with(self.trail(nodes, where));
  }
  self.nodes_.push_back(
      {.operation = std::move(operation), .operands = std::move(nodes), .spec = spec, .where = where});
  return Value(operands[0].recording_, self.nodes_.size() - 1);
}

Value Recording::constant(std::shared_ptr<const Operation> operation, const Value& value,
                          SourceLocation where) {
  Recording& self = common(operation->name(), {&value, 1}, where);
  const TensorSpec spec = operation->output_spec({});
  self.nodes_.push_back({.operation = std::move(operation), .operands = {}, .spec = spec, .where = where});
  return Value(value.recording_, self.nodes_.size() - 1);
}

std::string Recording::trail(std::span<const std::size_t> operands, SourceLocation where) const {
  std::string text = where.line == 0 ? "" : message("\n  at ", upconv::describe(where));
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    text += message("\n  in ", frame->module->display_name());
    if (frame->where.line != 0) text += message(", called at ", upconv::describe(frame->where));
  }
  for (std::size_t i = 0; i < operands.size(); ++i)
    text += message("\n  operand ", i, ": ", nodes_[operands[i]].spec, ", from ", describe(operands[i]));
  return text;
}

Recording::Scope::Scope(Recording& recording, const Module& module, SourceLocation where)
    : recording_(recording) {
  if (recording.frames_.size() >= kDeepest) {
    throw StateError(message(module.display_name(),
                             ": forward calls itself without end, or networks are nested ", kDeepest,
                             " deep, at ", upconv::describe(where)));
  }
  recording.frames_.push_back({&module, where});
}

Recording::Scope::~Scope() {
  recording_.frames_.pop_back();
}

}  // namespace upconv
